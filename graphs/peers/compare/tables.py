"""A comparison as tables for the terminal, each within 80 columns."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from graphs.comparison.reference import Reference
from graphs.comparison.verdicts import EAGER, ratios

__all__ = ["comparison_tables", "seconds"]

Run = dict[str, Any]


def comparison_tables(record: dict[str, Any]) -> RenderableType:
    """The whole record: what broke, agreement, times, cost of a step, sizes, and what follows."""
    parts: list[RenderableType] = [_head(record), _truth(record)]
    for field, table in (
        ("agreement", _agreement),
        ("first_result", _first_results),
        ("steady", _steps),
        ("break_even", _break_even),
        ("per_step", _per_step),
    ):
        have = [run for run in record["runs"] if field in run]
        tables = [
            table([run for run in have if run["formula"] == formula], formula)
            for formula in dict.fromkeys(run["formula"] for run in have)
        ]
        for earlier in tables[:-1]:
            earlier.caption = None  # one, below the last, explains them all
        parts += tables
    if record["sweep"]:
        parts.append(_sizes(record))
    said = Text("\n").join(Text(f"• {line}") for line in record["verdicts"])
    parts.append(Panel(said, title="what follows", box=box.ROUNDED))
    return Group(*(item for part in parts for item in (part, "")))


def _head(record: dict[str, Any]) -> Text:
    data, settings, stamp = record["data"], record["settings"], record["stamp"]
    versions = {k: v for run in record["runs"] for k, v in run.get("versions", {}).items()}
    unfinished = "" if record["finished"] else " (interrupted: not everything was measured)"
    return Text(
        f"{data['name']} {data['samples']} × {data['features']} {data['dtype']}, {settings['steps']:,} steps, "
        f"{settings['threads']} thread{'s' * (settings['threads'] > 1)}{unfinished}\n"
        f"{stamp['machine']['cpu']}, NumPy's BLAS {stamp['machine']['blas']}; "
        f"Python {stamp['versions']['python']}, "
        + ", ".join(f"{package} {version}" for package, version in versions.items())
    )


def _table(title: str, caption: str, *columns: str) -> Table:
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        title_style="bold",
    )
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _truth(record: dict[str, Any]) -> Table:
    """The one table of what broke: a row per framework, a column per formula."""
    formulas = list(dict.fromkeys(run["formula"] for run in record["runs"]))
    table = _table(
        f"Finite or not? By formula: inf and NaN among the {record['data']['samples']} cross-entropies",
        "At the first call at which there were any; from which call to which there were some; and the "
        "weights, where they did not stay finite.",
    )
    for formula in formulas:
        table.add_column(formula, justify="left")
    for name in dict.fromkeys(run["name"] for run in record["runs"]):
        of_name = {run["formula"]: run for run in record["runs"] if run["name"] == name}
        title = next(iter(of_name.values()))["title"]
        table.add_row(
            title, *(_held(of_name[formula]) if formula in of_name else Text("–") for formula in formulas)
        )
    return table


def _held(run: Run) -> Text:
    """Whether a run stayed finite, in a few words."""
    if "finite" not in run:
        return Text("not reached" if run["status"] == "unfinished" else run["status"], style="yellow")
    if run["finite"]:
        return Text("finite", style="green")
    broke = {broken["quantity"]: broken for broken in run["broke"]}
    parts = []
    if "xent" in broke:
        xent = broke["xent"]
        to_the_end = xent["last_step"] == run["steps"]
        calls = (
            f"call {xent['first_step']} on" if to_the_end else "calls {first_step}–{last_step}".format(**xent)
        )
        parts.append(f"{xent['inf']} inf, {xent['nan']} NaN, {calls}")
    if "w" in broke:
        every = "" if broke["w"]["nan"] == broke["w"]["of"] else "some "
        parts.append(f"{every}weights NaN")
    return Text("; ".join(parts) or "b not finite", style="red")


def _agreement(runs: list[Run], formula: str) -> Table:
    table = _table(
        f"Right? ({formula} formula)",
        f"Difference of w and b from the same steps by hand in {Reference.dtype}: relative in the 2-norm, and "
        "the largest in units in the last place (ulp) of the largest weight. warned: whether it said a word.",
        "steps",
        "relative",
        "ulp",
        "warned",
    )
    for run in runs:
        relative = f"{run['agreement']['relative']:.1e}"
        table.add_row(
            run["title"],
            f"{run['steps']:,}",
            relative if run["agreement"]["relative"] <= 1e-12 else _red(relative),
            f"{run['agreement']['ulp']:,.3g}",
            "yes" if run["warnings"] else "no",
        )
    return table


def _red(text: str) -> str:
    return f"[red]{text}[/]"


def _first_results(runs: list[Run], formula: str) -> Table:
    table = _table(
        f"Time to the first result ({formula} formula)",
        "A whole process, start to end, with one step; cold: no compiler's cache. Of the warm one: its "
        "import of the framework, building or tracing, and first call.",
        "cold",
        "warm",
        "import",
        "build",
        "first call",
    )
    for run in runs:
        first = run["first_result"]
        table.add_row(
            run["title"],
            *(seconds(first[cache]["whole_process"]) for cache in ("cold", "warm")),
            *(seconds(first["warm"][phase]) for phase in ("import", "build", "first_call")),
        )
    return table


def _steps(runs: list[Run], formula: str) -> Table:
    table = _table(
        f"A step ({formula} formula)",
        "Steady state, all in turn. × : median of the ratios within each round, to NumPy by hand and to the "
        "same framework uncompiled.",
        "median",
        "quartiles",
        "× NumPy",
        "× uncompiled",
    )
    by_name = {run["name"]: run for run in runs}
    for run in runs:
        unit, size = _unit(run["steady"]["median"])
        median, q1, q3 = (f"{run['steady'][key] / size:.3g}" for key in ("median", "q1", "q3"))
        table.add_row(
            run["title"],
            f"{median} {unit}",
            f"{q1}–{q3}",
            *(_ratio(run, by_name.get(other)) for other in ("numpy", EAGER.get(run["name"], ""))),
        )
    return table


def _ratio(run: Run, other: Run | None) -> str:
    if other is None:
        return ""
    ratio = ratios(run, other)[1]
    return f"{ratio:.2f}" if ratio <= 1 else _red(f"{ratio:.2f}")


def _break_even(runs: list[Run], formula: str) -> Table:
    table = _table(
        f"When it has paid off ({formula} formula)",
        "Steps from which the whole process is shorter than one of NumPy by hand, or of the same framework "
        "uncompiled, whose caches are as warm or as cold.",
        "NumPy, warm",
        "cold",
        "uncompiled, warm",
        "cold",
    )
    for run in runs:
        found = [run["break_even"].get(against) for against in ("numpy", EAGER.get(run["name"], ""))]
        table.add_row(
            run["title"], *(_steps_until(each, cache) for each in found for cache in ("warm", "cold"))
        )
    return table


def _steps_until(found: dict[str, Any] | None, cache: str) -> str:
    if found is None:
        return ""
    return "never" if found[cache] is None else f"{found[cache]:,}"


def seconds(value: float) -> str:
    """A time in the unit that suits it: 2.5 ms."""
    if value >= 1000:
        return f"{value:,.0f} s"
    unit, size = _unit(value)
    return f"{value / size:.3g} {unit}"


def _unit(value: float) -> tuple[str, float]:
    return next(((unit, size) for unit, size in (("s", 1.0), ("ms", 1e-3)) if value >= size), ("µs", 1e-6))


def _per_step(runs: list[Run], formula: str) -> Table:
    table = _table(
        f"What one step does ({formula} formula)",
        "Calls into the framework's runtime, operations that run, new arrays and their bytes, Python "
        "functions entered; ? where the compiler does not tell. How each was counted stands in the JSON "
        "record, under per_step.how.",
        "calls",
        "ops",
        "new arrays",
        "bytes",
        "Python calls",
    )
    for run in runs:
        counted = run["per_step"]
        values = (counted[key] for key in ("dispatches", "ops", "temporaries", "bytes", "python_calls"))
        table.add_row(run["title"], *("?" if value is None else f"{value:,}" for value in values))
    return table


def _sizes(record: dict[str, Any]) -> Table:
    sweep = record["sweep"]
    table = _table(
        f"A step at other sizes ({sweep[0]['formula']} formula)",
        "Green: the fastest at that size.",
        *(f"{entry['samples']} × {entry['features']}" for entry in sweep),
    )
    titles = {run["name"]: run["title"] for run in record["runs"]}
    for name in dict.fromkeys(name for entry in sweep for name in entry["steady"]):
        cells = []
        for entry in sweep:
            fastest = min(each["median"] for each in entry["steady"].values())
            median = entry["steady"].get(name, {}).get("median")
            text = "" if median is None else seconds(median)
            cells.append(f"[green]{text}[/]" if median == fastest else text)
        table.add_row(titles[name], *cells)
    return table
