"""graphs/inspection/values"""

__all__: list[str] = []
