"""Make the pages on which a person reviews a match and a run.

Input: the results of the other stages. Output: self-contained HTML files and charts. Imports core,
inputs, video, events, comparison and evaluation.
"""
