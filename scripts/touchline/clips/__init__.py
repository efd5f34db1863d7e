"""Clips of events, cut out of the video: `snakemake clips`.

In: a video, its manifest, and the times of events. Out: an MP4 file per event, a reel per class, a
project of LosslessCut. Imports core, inputs and video.
"""
