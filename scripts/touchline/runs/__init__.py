"""A run as a whole: what it makes, what is checked before it, its messages, SLURM, how far it is.

In: the settings, Snakemake's events, the files that are there. Out: sentences for a person, limits
for a scheduler. Imports any other package; none imports it.
"""
