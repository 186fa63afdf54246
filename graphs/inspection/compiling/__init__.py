"""From a compiled function or an expression to its recording.

In order: `written` (the graph as written, on variables of its own), `watch` (compiled again, every change
noted), `rules` (what changed it, by one name each), `tables` (everything numbered, with its origin), and
`pipeline`, the page that names these passes.
"""

__all__: list[str] = []
