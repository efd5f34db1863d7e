"""The user's input: settings, table of videos, labels.yaml and given predictions.

The package reads config.yaml, a table and files. It returns checked settings and videos, or raises
one `InputError` that lists all mistakes. It imports only core.
"""
