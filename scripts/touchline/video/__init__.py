"""From a video file to frames: what it is (`probe`), the picture on screen at a time (`sampler`).

In: a path, and times in seconds. Out: a manifest, windows, and frames as uint8 tensors. Imports
core and inputs.
"""
