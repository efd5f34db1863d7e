"""A run as a whole: checks before it, messages during it, what SLURM needs, how far it is.

In: the settings, Snakemake's events, the files that are there. Out: sentences for a person, limits
for a scheduler. Imports any other package; none imports it.
"""
