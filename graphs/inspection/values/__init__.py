"""What the numbers do from step to step.

In order: `inputs` (a value for every input, given or drawn), `evaluate` (every snapshot computed Op by Op, and
the compiled copy called), `difference` (two values compared, to the bit or by how much).
"""

__all__: list[str] = []
