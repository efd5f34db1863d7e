"""A SLURM cluster: its queue, its limits, what it refuses, and faults of the plugin."""
