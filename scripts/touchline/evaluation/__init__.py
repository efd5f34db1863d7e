"""Evaluate a model's events against annotations.

Input: events, coverage and annotations of many halves. Output: precision, recall, average
precision, SoccerNet's average-mAP with chance levels and confidence intervals, and calibration.
Imports core, inputs, events and comparison.
"""
