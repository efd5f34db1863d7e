"""What a user gives: settings, table of videos, labels of classes, predictions made elsewhere.

In: config.yaml, a table, paths. Out: settings and videos that are checked, or one `InputError` with
all that is wrong. Imports core.
"""
