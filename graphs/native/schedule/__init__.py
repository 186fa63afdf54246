"""Statements → loop nests → where every array lives."""

__all__: list[str] = []
