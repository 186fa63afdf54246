"""graphs/native/write"""

__all__: list[str] = []
