"""graphs/models"""

__all__: list[str] = []
