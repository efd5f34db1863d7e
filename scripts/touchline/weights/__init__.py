"""Fetch the files of models from the hub, check them, and keep them at one commit."""
