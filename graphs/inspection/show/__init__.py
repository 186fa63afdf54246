"""graphs/inspection/show"""

__all__: list[str] = []
