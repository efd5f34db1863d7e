"""Parsing of a model's text into events, for every form in which models write answers."""
