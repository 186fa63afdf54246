"""Loop nests → C text: all that knows C's syntax. What never changes stands in step.h."""

__all__: list[str] = []
