"""graphs/inspection/linkers"""

__all__: list[str] = []
