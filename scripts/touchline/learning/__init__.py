"""Models that are learnt from features of windows and from labels, for other games than those."""
