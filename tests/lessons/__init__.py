"""The comparison: its processes, its record, its views, its lessons."""
