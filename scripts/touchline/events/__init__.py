"""Conversion of answers to events: merging, timing, ranking, coverage and export formats.

The input is the text about each window. The output is events with a class, a time and a score, and
the intervals that the model looked at. No model and no video is needed. The package imports core,
inputs and answers.
"""
