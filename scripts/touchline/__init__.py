"""Touchline: soccer event spotting with video-language models.

The library behind the workflow's rules. It knows nothing of Snakemake: each
module holds one idea, and files, GPUs and the network stay at the edges.
"""

__version__ = "0.1.0"
