"""Clips of events, cut out of the video by `snakemake clips`.

The input is a video, its manifest and the times of events. The output is an MP4 file per event, a
reel per class, and a project for LosslessCut. The package imports core, inputs and video.
"""
