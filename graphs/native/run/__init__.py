"""graphs/native/run"""

__all__: list[str] = []
