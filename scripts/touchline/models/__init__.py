"""Load checkpoints, and run the model families that answer.

Input: a checkpoint folder. Output: `families.base.VideoLanguageModel`, in 4 bits. Imports core,
inputs and video (for the size of frames), but not events, because a model only gives text.
"""
