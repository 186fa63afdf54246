"""An example for the terminal: what is claimed, what was found, the formulas, and which linker ran it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.table import Column
from rich.text import Text

from graphs.examples.outcome import Outcome
from graphs.examples.outcome import Table as Rows
from graphs.terminal import table

__all__ = ["report", "summary"]


def report(name: str, explanation: str, outcome: Outcome, linkers: Mapping[str, str]) -> RenderableType:
    """Everything of an outcome but its picture; `explanation` is Markdown."""
    return Group(*_parts(name, explanation, outcome, linkers))


def _parts(
    name: str, explanation: str, outcome: Outcome, linkers: Mapping[str, str]
) -> Iterator[RenderableType]:
    yield Rule(Text(name, style="bold"), align="left")
    yield Markdown(explanation)
    claims = table(
        "", Column("claim", ratio=3), Column("said", ratio=1), Column("found", ratio=1), padding=(0, 1)
    )
    for finding in outcome.findings:
        mark = Text("✓", style="green") if finding.holds else Text("✗", style="bold red")
        claims.add_row(mark, finding.claim, finding.said, finding.found)
    yield Text()
    yield claims
    for each in outcome.tables:
        yield Text()
        yield Text(each.title, style="bold")
        yield _table(each)
    yield Text()
    yield Text("formulas, from the graph, in LaTeX", style="bold")
    for formula in outcome.formulas:
        yield Text(f"  {formula}", no_wrap=True, overflow="ignore")  # to be copied whole
    yield Text()
    yield Text(_ran(linkers))


def _table(rows: Rows) -> RenderableType:
    shown = table(
        *(Column(name, justify="left" if not place else "right") for place, name in enumerate(rows.columns))
    )
    for row in rows.rows:
        shown.add_row(*(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    return shown


def _ran(linkers: Mapping[str, str]) -> str:
    """Which linker ran what; in one word where it was the same for all."""
    kinds = set(linkers.values())
    if len(kinds) == 1:
        return f"linker: {kinds.pop()}, of all {len(linkers)} functions"
    return "linkers: " + ", ".join(f"{name}: {linker}" for name, linker in linkers.items())


def summary(outcome: Outcome, linkers: Mapping[str, str]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "holds": all(finding.holds for finding in outcome.findings),
        "findings": [vars(finding) for finding in outcome.findings],
        "tables": [
            {
                "title": each.title,
                "columns": list(each.columns),
                "rows": [[*map(_plain, row)] for row in each.rows],
            }
            for each in outcome.tables
        ],
        "formulas": list(outcome.formulas),
        "linkers": dict(linkers),
    }


def _plain(cell: Any) -> Any:
    return cell.item() if hasattr(cell, "item") else cell
