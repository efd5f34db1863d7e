"""Plan, check, record and report a whole run.

Input: the settings, Snakemake's events and the existing files. Output: messages for a person and
limits for a scheduler. This package may import any other package. No package imports it.
"""
