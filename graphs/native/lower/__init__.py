"""graphs/native/lower"""

__all__: list[str] = []
