"""Store evidence and features of windows, and spot events from evidence."""
