"""graphs/experiment"""

__all__: list[str] = []
