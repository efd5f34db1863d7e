"""Query SLURM's queue and limits, explain its refusals, and patch faults of the executor plugin."""
