"""From a model's answers to events: parsing, merging, timing, ranking, coverage, export formats.

In: the text of each window. Out: events with a class, a time and a score, and the intervals that
were looked at. Imports core and inputs; no model and no video is needed.
"""
