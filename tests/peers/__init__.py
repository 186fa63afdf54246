"""Every framework file against the reference, and against what its framework is known to do."""
