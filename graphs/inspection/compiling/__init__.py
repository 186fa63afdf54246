"""graphs/inspection/compiling"""

__all__: list[str] = []
