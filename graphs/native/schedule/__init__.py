"""graphs/native/schedule"""

__all__: list[str] = []
