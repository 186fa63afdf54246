"""Every lesson shows what it says."""
