"""What several models found in one video: matching, agreement, ensemble, summary.

In: events and coverage of each model. Out: matched and unmatched events, fused ones, a row of the
summary. Imports core, inputs and events.
"""
