"""Checkpoints, from the hub or a folder to a model on a GPU, and the families that answer.

In: the name of a checkpoint. Out: `families.base.VideoLanguageModel`, in 4 bits. Imports core,
inputs and video (for the shape of frames), not events: a model gives text.
"""
