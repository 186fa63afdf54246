"""Loop nests → C text: all that knows C's syntax. What never changes stands in C files: step.h,
mathematics.h, special.h, linear_algebra.h, sorting.h, drawing.h.
"""

__all__: list[str] = []
