"""Touchline: soccer event spotting with video-language models.

This library does the work of the workflow's rules. It does not import Snakemake. Each module has
one topic. Code that needs files, GPUs or the network is kept apart from pure computation.
"""

__version__ = "0.1.0"
