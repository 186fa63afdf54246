"""Which stabilizing rewrites fire, as a table: a row for each, a column for each mode under each version."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from graphs.foreign import legible
from graphs.inspection.firing import FINITE, FIRES, NOT_FINITE, NOT_RUN, Firing
from graphs.terminal import table

__all__ = ["firing_view"]

SHOWN = {FIRES: "fires", FINITE: "finite", NOT_FINITE: "NO", NOT_RUN: "?"}
STYLES = {FIRES: "green", FINITE: "yellow", NOT_FINITE: "bold red"}
SAID = {
    FINITE: "finite: it does not fire; the result is finite, and not the true value",
    NOT_FINITE: "NO: it does not fire; the result is not finite",
    NOT_RUN: "?: an Op of the result cannot be run one by one here",
}
ABSENT = "–"


def firing_view(tables: Sequence[Firing]) -> RenderableType:
    """Tables of several versions side by side; the rows are those of the first, then what only others have."""
    tables = [legible(found) for found in tables]
    names = dict.fromkeys(row.name for found in tables for row in found.rows)
    columns = [(found, i) for found in tables for i in range(len(found.modes))]
    heads = [
        Column(f"{found.pytensor if not i else ''}\n{found.modes[i]}", no_wrap=True, vertical="bottom")
        for found, i in columns
    ]
    shown = table(Column("\nrewrite", overflow="fold", min_width=24), *heads)
    cells = [{row.name: row.cells for row in found.rows} for found in tables]
    by_table = {id(found): known for found, known in zip(tables, cells, strict=True)}
    met = set()
    for name in names:
        line = []
        for found, i in columns:
            known = by_table[id(found)].get(name)
            cell = known[i] if known else ""
            met.add(cell)
            line.append(Text(SHOWN.get(cell, ABSENT), style=STYLES.get(cell, "")))
        shown.add_row(name, *line)
    versions = "; ".join(f"PyTensor {found.pytensor} on Python {found.python}" for found in tables)
    notes = [Text(said, style="dim") for cell, said in SAID.items() if cell in met]
    return Group(Text(versions, style="bold"), shown, *notes)
