"""A generated match: its course (`match`) and its frames (`pictures`)."""
