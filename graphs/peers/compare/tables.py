"""A comparison as tables for the terminal, each within 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from graphs.foreign import legible
from graphs.peers import PEERS, YARDSTICK
from graphs.peers.compare.record import CACHES, Comparison, Run
from graphs.peers.compare.reference import Reference
from graphs.peers.compare.verdicts import AGREES, ratios
from graphs.terminal import table

__all__ = ["comparison_tables", "seconds"]

LONGEST = 2000  # characters of a text; a sentence about every peer is longer than a message


def comparison_tables(record: Comparison) -> RenderableType:
    """The whole record: what broke, agreement, times, cost of a step, sizes, and what follows."""
    record = legible(record, LONGEST)
    parts: list[RenderableType] = [_head(record), _truth(record)]
    for each in EACH:
        parts += _by_formula(each, record.runs)
    if record.sweep:
        parts.append(_sizes(record))
    said = Text("\n").join(Text(f"• {line}") for line in record.verdicts)
    parts.append(Panel(said, title="what follows", box=box.ROUNDED))
    return Group(*(item for part in parts for item in (part, "")))


def _head(record: Comparison) -> Text:
    data, settings, machine = record.data, record.settings, record.stamp["machine"]
    versions = {name: version for run in record.runs for name, version in run.versions.items()}
    unfinished = "" if record.finished else " (interrupted: not everything was measured)"
    return Text(
        f"{data.name} {data.samples} × {data.features} {data.dtype}, {settings.steps:,} steps, "
        f"{settings.threads} thread{'s' * (settings.threads > 1)}{unfinished}\n"
        f"{machine['cpu']}, NumPy's BLAS {machine['blas']}; Python {record.stamp['versions']['python']}, "
        + ", ".join(f"{package} {version}" for package, version in versions.items())
    )


def _table(title: str, caption: str, *columns: str | Column) -> Table:
    right = [Column(each, justify="right") if isinstance(each, str) else each for each in columns]
    return table(
        Column("", no_wrap=True),
        *right,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )


def _truth(record: Comparison) -> Table:
    """The one table of what broke: a row per peer, a column per formula."""
    formulas = list(dict.fromkeys(run.formula for run in record.runs))
    drawn = _table(
        f"Finite or not? By formula: inf and NaN among the {record.data.samples} cross-entropies",
        "At the first call at which there were any; from which call to which there were some; and the "
        "weights, where they did not stay finite.",
        *(Column(formula) for formula in formulas),
    )
    for title in dict.fromkeys(run.title for run in record.runs):
        held = {run.formula: _held(run) for run in record.runs if run.title == title}
        drawn.add_row(title, *(held.get(formula, Text("–")) for formula in formulas))
    return drawn


def _held(run: Run) -> Text:
    """Whether a run stayed finite, in a few words."""
    if run.finite is None:
        return Text("not reached" if run.stands else run.status, style="yellow")
    if run.finite:
        return Text("finite", style="green")
    broke = {broken.quantity: broken for broken in run.broke}
    parts = []
    if xent := broke.get("xent"):
        to_the_end = xent.last_step == run.steps
        calls = f"call {xent.first_step} on" if to_the_end else f"calls {xent.first_step}–{xent.last_step}"
        parts.append(f"{xent.inf} inf, {xent.nan} NaN, {calls}")
    if w := broke.get("w"):
        parts.append(f"{'' if w.nan == w.of else 'some '}weights NaN")
    return Text("; ".join(parts) or "b not finite", style="red")


class Each(NamedTuple):
    """A table of which there is one for each formula."""

    title: str
    caption: str
    columns: tuple[str, ...]
    row: Callable[
        [Run, dict[str, Run]], Sequence[str | Text]
    ]  # of a run among its formula's; empty: it has none


def _by_formula(each: Each, runs: list[Run]) -> list[Table]:
    """The caption below the last explains them all."""
    tables = []
    for formula in dict.fromkeys(run.formula for run in runs):
        of_formula = {run.name: run for run in runs if run.formula == formula}
        rows = {run.title: row for run in of_formula.values() if (row := each.row(run, of_formula))}
        if rows:
            drawn = _table(f"{each.title} ({formula} formula)", each.caption, *each.columns)
            for title, row in rows.items():
                drawn.add_row(title, *row)
            tables.append(drawn)
    for drawn in tables[:-1]:
        drawn.caption = None
    return tables


def _red(text: str, *, unless: bool) -> Text:
    return Text(text, style="" if unless else "red")


def _agreement(run: Run, _: dict[str, Run]) -> Sequence[str | Text]:
    if not run.agreement:
        return ()
    return (
        f"{run.steps:,}",
        _red(f"{run.agreement.relative:.1e}", unless=run.agreement.relative <= AGREES),
        f"{run.agreement.ulp:,.3g}",
        "yes" if run.warnings else "no",
    )


def _first_result(run: Run, _: dict[str, Run]) -> Sequence[str]:
    if not run.first_result:
        return ()
    cold, warm = (run.first_result[cache] for cache in CACHES)
    times = cold.whole_process, warm.whole_process, warm.import_, warm.build, warm.first_call
    return [seconds(each) for each in times]


def _step(run: Run, runs: dict[str, Run]) -> Sequence[str | Text]:
    if not run.steady:
        return ()
    spread = run.steady.seconds
    unit, size = _unit(spread.median)
    median, q1, q3 = (f"{each / size:.3g}" for each in (spread.median, spread.q1, spread.q3))
    others = (runs.get(name) for name in (YARDSTICK, PEERS[run.name].eager))
    found = (ratios(run, other).median if other and other.steady else None for other in others)
    return (
        f"{median} {unit}",
        f"{q1}–{q3}",
        *("" if ratio is None else _red(f"{ratio:.2f}", unless=ratio <= 1) for ratio in found),
    )


def seconds(value: float) -> str:
    """A time in the unit that suits it, never below microseconds: 2.5 ms."""
    if value >= 1000:
        return f"{value:,.0f} s"
    unit, size = _unit(value)
    return f"{value / size:.3g} {unit}"


def _unit(value: float) -> tuple[str, float]:
    return next(((unit, size) for unit, size in (("s", 1.0), ("ms", 1e-3)) if value >= size), ("µs", 1e-6))


def _break_even(run: Run, _: dict[str, Run]) -> Sequence[str]:
    if not run.break_even:
        return ()
    against = [run.break_even.get(rival, {}) for rival in (YARDSTICK, PEERS[run.name].eager)]
    found = (
        each.get(cache, 0) for each in against for cache in reversed(CACHES)
    )  # 0: there is no such rival
    return ["never" if steps is None else f"{steps:,}" if steps else "" for steps in found]


def _counted(run: Run, _: dict[str, Run]) -> Sequence[str]:
    does = run.per_step
    if not does:
        return ()
    numbers = does.dispatches, does.ops, does.temporaries, does.bytes, does.python_calls
    return ["?" if number is None else f"{number:,}" for number in numbers]


EACH = (
    Each(
        "Right?",
        f"Difference of w and b from the same steps by hand in {Reference.dtype}: relative in the 2-norm, and "
        "the largest in units in the last place (ulp) of the largest weight. warned: whether it said a word.",
        ("steps", "relative", "ulp", "warned"),
        _agreement,
    ),
    Each(
        "Time to the first result",
        "A whole process, start to end, with one step; cold: no compiler's cache. Of the warm one: its "
        "import of the framework, building or tracing, and first call.",
        ("cold", "warm", "import", "build", "first call"),
        _first_result,
    ),
    Each(
        "A step",
        "Steady state, all in turn. × : median of the ratios within each round, to NumPy by hand and to the "
        "same framework uncompiled.",
        ("median", "quartiles", "× NumPy", "× uncompiled"),
        _step,
    ),
    Each(
        "When it has paid off",
        "Steps from which the whole process is shorter than one of NumPy by hand, or of the same framework "
        "uncompiled, whose caches are as warm or as cold.",
        ("NumPy, warm", "cold", "uncompiled, warm", "cold"),
        _break_even,
    ),
    Each(
        "What one step does",
        "Calls into the framework's runtime, operations that run, new arrays and their bytes, Python "
        "functions entered; ? where the compiler does not tell. How each was counted stands in the JSON "
        "record, under per_step.how.",
        ("calls", "ops", "new arrays", "bytes", "Python calls"),
        _counted,
    ),
)


def _sizes(record: Comparison) -> Table:
    sweep = record.sweep
    drawn = _table(
        f"A step at other sizes ({sweep[0].formula} formula)",
        "Green: the fastest at that size.",
        *(f"{size.samples} × {size.features}" for size in sweep),
    )
    for name in dict.fromkeys(name for size in sweep for name in size.steady):
        cells = []
        for size in sweep:
            fastest = min(steady.seconds.median for steady in size.steady.values())
            median = size.steady[name].seconds.median if name in size.steady else None
            text = "" if median is None else seconds(median)
            cells.append(Text(text, style="green" if median == fastest else ""))
        drawn.add_row(PEERS[name].title, *cells)
    return drawn
