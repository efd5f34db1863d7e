"""The pages on which a person sees a match and a run, and judges.

In: what the other stages found. Out: HTML files that need nothing else, and charts. Imports core,
inputs, video, events, comparison and evaluation.
"""
