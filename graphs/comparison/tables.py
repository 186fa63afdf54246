"""A comparison as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from graphs.comparison.verdicts import EAGER, ratios

__all__ = ["code_tables", "comparison_tables", "lesson_table"]


def comparison_tables(record: dict[str, Any]) -> RenderableType:
    """The whole record: correctness, time, cost of a step, sizes, and what follows from them."""
    data, settings, stamp = record["data"], record["settings"], record["stamp"]
    head = Text(
        f"{data['name']} {data['samples']} × {data['features']} {data['dtype']}, {settings['steps']} steps; "
        f"{settings['threads']} thread{'s' * (settings['threads'] > 1)}, {stamp['machine']['cpu']}; "
        f"NumPy's BLAS: {stamp['machine']['blas']}; Python {stamp['versions']['python']}"
    )
    parts: list[RenderableType] = [head]
    for formula in dict.fromkeys(run["formula"] for run in record["runs"]):
        runs = [run for run in record["runs"] if run["formula"] == formula]
        parts += [_correctness(runs, formula, record["reference"]["dtype"])]
        parts += [_times(runs, formula)] if any("steady" in run for run in runs) else []
        parts += [_per_step(runs, formula)] if any("per_step" in run for run in runs) else []
    if record["sweep"]:
        parts.append(_sizes(record))
    parts.append(Panel("\n".join(f"• {line}" for line in record["verdicts"]), title="what follows"))
    return Group(*parts)


def _table(title: str, caption: str = "") -> Table:
    table = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left")
    table.add_column("", no_wrap=True)
    return table


def _correctness(runs: list[dict[str, Any]], formula: str, reference: str) -> Table:
    table = _table(
        f"Right? ({formula} formula)",
        f"Difference of w and b from the same steps by hand in {reference}: relative in the 2-norm, and the "
        "largest in units in the last place (ulp) of the largest weight. A run whose weights are all NaN is "
        "not taken to its end.",
    )
    for name in ("version", "xent inf / nan, steps", "weights", "relative", "ulp", "it warned"):
        table.add_column(name, justify="left" if name in {"version", "it warned"} else "right")
    for run in runs:
        if run["status"] != "finished":
            table.add_row(run["title"], f"[red]{run['status']}[/]", "", "", "", "", Text(run["happened"]))
            continue
        broke = {broken["quantity"]: broken for broken in run["broke"]}
        xent, w = broke.get("xent"), broke.get("w")
        agreement = run.get("agreement")
        table.add_row(
            run["title"],
            next(iter(run["versions"].values())),
            "0 / 0" if not xent else _red(f"{xent['inf']} / {xent['nan']}, {_steps(xent, run)}"),
            "finite" if not w else _red(f"{w['nan']} NaN, step {w['first_step']}"),
            f"{agreement['relative']:.1e}" if agreement else "",
            f"{agreement['ulp']:.3g}" if agreement else "",
            _red("yes") if run["warnings"] else "no",
        )
    return table


def _steps(broken: dict[str, Any], run: dict[str, Any]) -> str:
    """First and last step at which a quantity was not finite."""
    return f"{broken['first_step']}–" + (
        "" if broken["last_step"] == run["steps"] else str(broken["last_step"])
    )


def _red(text: str) -> str:
    return f"[red]{text}[/]"


def _times(runs: list[dict[str, Any]], formula: str) -> Table:
    table = _table(
        f"Time ({formula} formula)",
        "First result: a whole process, start to end, with one step; cold: no compiler's cache. "
        "Ahead: steps from which the whole process is shorter than NumPy's, or than the same framework's "
        "uncompiled; with warm caches (with cold ones). × NumPy: median of the ratios within each round; "
        "only runs of one formula share their rounds.",
    )
    for name in (
        "cold",
        "warm",
        "import",
        "build",
        "first call",
        "a step",
        "quartiles",
        "× NumPy",
        "ahead of NumPy",
        "of uncompiled",
    ):
        table.add_column(name, justify="right")
    by_hand = next((run for run in runs if run["name"] == "numpy" and "steady" in run), None)
    for run in runs:
        if "steady" not in run:
            continue
        steady, first = run["steady"], run.get("first_result")
        ratio = ratios(run, by_hand)[1] if by_hand else None
        table.add_row(
            run["title"],
            *([_seconds(first[cache]["whole_process"]) for cache in ("cold", "warm")] if first else ["", ""]),
            *(
                [_seconds(first["warm"][phase]) for phase in ("import", "build", "first_call")]
                if first
                else [""] * 3
            ),
            _seconds(steady["median"]),
            f"{_seconds(steady['q1'])}–{_seconds(steady['q3'])}",
            "" if ratio is None else f"{ratio:.2f}" if ratio <= 1 else _red(f"{ratio:.2f}"),
            _break_even(run, "numpy"),
            _break_even(run, EAGER.get(run["name"])),
        )
    return table


def _break_even(run: dict[str, Any], against: str | None) -> str:
    found = run.get("break_even", {}).get(against)
    if found is None:
        return ""
    warm, cold = ("never" if found[cache] is None else f"{found[cache]:,}" for cache in ("warm", "cold"))
    return warm if warm == cold else f"{warm} ({cold})"


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size or unit == "µs":
            return f"{value / size:.3g} {unit}"
    raise AssertionError


def _per_step(runs: list[dict[str, Any]], formula: str) -> Table:
    table = _table(
        f"What one step does ({formula} formula)",
        "Calls into the framework's runtime, operations that run, new arrays and their bytes, Python "
        "functions entered. How each was counted stands in the JSON record, under per_step.how.",
    )
    for name in ("calls", "ops", "new arrays", "bytes", "Python functions"):
        table.add_column(name, justify="right")
    for run in runs:
        counted = run.get("per_step")
        if counted:
            values = (counted[key] for key in ("dispatches", "ops", "temporaries", "bytes", "python_calls"))
            table.add_row(run["title"], *("?" if value is None else f"{value:,}" for value in values))
    return table


def _sizes(record: dict[str, Any]) -> Table:
    formula = record["sweep"][0]["formula"]
    table = _table(f"A step at other sizes ({formula} formula)", "Green: the fastest at that size.")
    titles = {run["name"]: run["title"] for run in record["runs"]}
    for entry in record["sweep"]:
        table.add_column(f"{entry['samples']} × {entry['features']}", justify="right")
    for name in dict.fromkeys(name for entry in record["sweep"] for name in entry["steady"]):
        cells = []
        for entry in record["sweep"]:
            steady = entry["steady"].get(name)
            best = min(each["median"] for each in entry["steady"].values())
            text = _seconds(steady["median"]) if steady else ""
            cells.append(f"[green]{text}[/]" if steady and steady["median"] == best else text)
        table.add_row(titles[name], *cells)
    return table


def code_tables(code: dict[str, dict[str, str]]) -> RenderableType:
    """The same lines side by side, one row of panels per part."""
    parts = next(iter(code.values()))
    return Group(
        *(
            Group(
                Text(part, style="bold"),
                Columns(
                    [
                        Panel(
                            Syntax(lines[part], "python", word_wrap=True, theme="ansi_dark"),
                            title=title,
                            width=76,
                        )
                        for title, lines in code.items()
                    ]
                ),
            )
            for part in parts
        )
    )


def lesson_table(name: str, explanation: str, rows: dict[str, dict[str, Any]]) -> RenderableType:
    """One lesson: what to see, then what was seen."""
    said = Markdown(explanation)
    if not rows:
        return Group(
            Text(name, style="bold"), said, Text("Its framework is not installed here.", style="red")
        )
    table = Table(show_header=True)
    table.add_column("")
    for column in next(iter(rows.values())):
        table.add_column(column, justify="left" if column == "said" else "right", overflow="fold")
    for who, row in rows.items():
        table.add_row(
            who, *(f"{value:.6g}" if isinstance(value, float) else str(value) for value in row.values())
        )
    return Group(Text(name, style="bold"), said, table)
