"""What a model's events are worth where the true ones are known.

In: events, coverage and annotations of many halves. Out: precision, recall, average precision,
SoccerNet's average-mAP with chance and intervals, calibration. Imports core, inputs, events and
comparison (its matching).
"""
