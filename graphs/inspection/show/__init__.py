"""Text about a compilation, drawn from recording and findings and from nothing else; `report` has the order."""

__all__: list[str] = []
