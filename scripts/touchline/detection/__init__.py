"""A slice of a video on a GPU: windows in, a record of each window out.

In: a manifest, a prompt, a checkpoint. Out: the ledger and the partial predictions of the slice
(`worker`). Imports core, inputs, video, events and models.
"""
