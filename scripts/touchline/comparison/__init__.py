"""Comparison of several models on one video: agreement, ensemble and summary.

The input is the events and the coverage of each model. The output is paired and unpaired events,
fused events, and a row of the summary. The package imports core, inputs and events.
"""
