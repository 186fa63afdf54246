"""The commands: parse → call → show. ``graphs …``, ``python -m graphs …`` and scripts/ all enter here.

In reading order: ``entry`` (the one way in), ``options`` (what each command can be told, light enough to answer
``--help`` at once), ``ending`` (exit codes, and one sentence for an error), then one file per command, whose
``main`` takes what its parser made. ``named_graph`` finds the graph that a command line of `inspect` names.
"""

__all__: list[str] = []
