"""The files of models: fetched from the hub, checked, kept at one commit."""
