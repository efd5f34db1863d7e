"""Run a model on one slice of a video, and record an outcome for every window.

Input: a manifest, a prompt and a checkpoint. Output: the ledger and the partial predictions of the
slice (`worker`). Imports core, inputs, video, events and models.
"""
