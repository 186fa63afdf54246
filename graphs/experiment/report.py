"""What the original prints, and the facts beside it, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Column
from rich.text import Text

from graphs.experiment.reproduction import Reproduction
from graphs.foreign import plain
from graphs.sharded.partition import Partition
from graphs.terminal import gathered, table, waterfall

__all__ = ["report"]

GROUP, GROUPS_PER_LINE = 10, 5
LONGEST = 2000  # characters of a fact; the machine's is the longest
TAKES_LOGARITHMS = "the compiled train takes logarithms as the formula is written: it can overflow"
TAKES_NONE = "the compiled train takes no logarithm of p_1: softplus stands in its stead"


def report(result: Reproduction, import_seconds: float | None = None) -> RenderableType:
    """Lay out a run: models, targets and predictions as the original prints them, then the facts.

    Before the first result stands, where it is known, the time which the process took to import everything.
    """
    y, unseen = result.dataset.y, result.unseen_predictions
    parts: list[RenderableType] = [Rule("models"), _models(result)]
    if result.train_predictions is not None:
        wrong = int((result.train_predictions != y.astype(bool)).sum())
        parts += [
            Rule(f"targets of the {len(y)} samples"),
            _bits(y),
            Rule(f"predictions on them: {len(y) - wrong} of {len(y)} right"),
            _bits(result.train_predictions, y),
        ]
    if unseen is not None:
        parts += [Rule(f"predictions on {len(unseen)} unseen samples"), _bits(unseen)]
    parts += [Rule("facts"), _table(_facts(result)), Rule("times"), _table(_times(result))]
    if result.stages:
        parts += [Rule("the time to the first result"), _start(result, import_seconds)]
    return Group(*parts)


def _models(result: Reproduction) -> RenderableType:
    numbers = ("b", "‖w‖", "min w", "max w")
    shown = table("", *numbers, "w", numbers=numbers)
    for name, model in (("initial", result.progress.initial), ("final", result.progress.state)):
        w = model["w"]
        first = ", ".join(f"{value:.4f}" for value in w[:4])
        shown.add_row(
            name,
            f"{float(model['b']):.6f}",
            *(f"{v:.4f}" for v in (np.linalg.norm(w), w.min(), w.max())),
            f"{first}, … ({len(w)} weights)" if len(w) > 4 else first,
        )
    return shown


def _bits(values: NDArray[Any], expected: NDArray[Any] | None = None) -> Text:
    """Zeros and ones in groups of ten; those that differ from `expected` stand out."""
    text = Text(no_wrap=True)
    for i, value in enumerate(values):
        if i:
            text.append("\n" if i % (GROUP * GROUPS_PER_LINE) == 0 else " " if i % GROUP == 0 else "")
        mistaken = expected is not None and bool(value) != bool(expected[i])
        text.append("01"[int(value)], style="bold red reverse" if mistaken else "")
    return text


def _facts(result: Reproduction) -> Iterable[tuple[str, str]]:
    progress, history, settings = result.progress, result.progress.history, result.settings
    samples = len(result.dataset.y)
    yield "cost", f"{history.cost[-1]:.17g} after {progress.step:,} steps (at first {history.cost[0]:.6g})"
    yield "mean cross-entropy", f"{history.mean_xent[-1]:.17g} nats (at first {history.mean_xent[0]:.6g})"
    yield "accuracy", f"{history.accuracy[-1]:.2%}, {round(history.accuracy[-1] * samples)} of {samples}"
    yield "first call of train without a mistake", _first_perfect(result)
    yield "non-finite cross-entropy", _nonfinite(result)
    yield "distance to the optimum", _distance(result)
    yield "certificate", _certificate(result)
    yield "data", f"{plain(result.dataset.source)}: {samples} × {result.dataset.x.shape[1]} {settings.dtype}"
    yield "formula, mode, linker", f"{settings.formula}, {settings.mode}, {result.linker}"
    if result.partition is not None:
        yield "devices", _devices(result.partition)
        yield "exchanged", _exchanged(result.partition)
    yield "rewrites", TAKES_LOGARITHMS if result.takes_logarithms else TAKES_NONE
    yield "versions", ", ".join(f"{name} {version}" for name, version in result.stamp["versions"].items())
    machine = result.stamp["machine"]
    limits = ", ".join(f"{name}={value}" for name, value in machine["threads"].items())
    hardware = f"{machine['system']}, {machine['cpu']}, {machine['cores']} cores, {machine['blas']}"
    yield "machine", f"{hardware}, {limits or 'threads not limited'}"


def _devices(partition: Partition) -> str:
    of = f", of {partition.processes} processes" if partition.processes > 1 else ""
    return f"{partition.devices} ({partition.platform}){of}; mesh {partition.layout}"


def _exchanged(partition: Partition) -> str:
    said = [f"{what}, for {why}" for what, why in partition.sentences()]
    return "; ".join(said) or "nothing: the partitioner has put no exchange between devices in"


def _first_perfect(result: Reproduction) -> str:
    progress = result.progress
    if not progress.first_perfect_call:
        return "none yet"
    mistakes = f"{progress.mistakes_since} calls with mistakes" if progress.mistakes_since else "none wrong"
    return f"{progress.first_perfect_call}, {mistakes} after it"


def _nonfinite(result: Reproduction) -> str:
    progress = result.progress
    if not progress.nonfinite_calls:
        return "never"
    span = f"from call {progress.first_nonfinite_call} to call {progress.last_nonfinite_call}"
    return f"in {progress.nonfinite_calls} calls, {span}; the parameters stayed finite"


def _distance(result: Reproduction) -> str:
    if result.certificate is None or result.optimum is None:
        return f"unknown: {result.no_optimum}"
    certificate = result.certificate
    return (
        f"cost − cost* = {certificate.cost_gap:.5g}, ‖w − w*‖ = {certificate.w_distance:.5g} "
        f"(cost* = {result.optimum.cost:.17g}, its gradient {result.optimum.gradient_norm:.1g})"
    )


def _certificate(result: Reproduction) -> str:
    if result.certificate is None:
        return "none without an optimum"
    certificate = result.certificate
    bound = f"{result.settings.weight_decay:g}·‖w − w*‖² = {certificate.bound:.5g}"
    if certificate.holds:
        return f"{certificate.cost_gap:.5g} ≥ {bound}: holds"
    return f"{certificate.cost_gap:.5g} < {bound}: BROKEN: a gradient or the optimum is wrong"


def _times(result: Reproduction) -> Iterable[tuple[str, str]]:
    yield "functions", result.origin or "given"
    for name, label in (("steps", "steps, with history and checkpoints"), ("optimum", "the optimum")):
        if name in result.times:
            yield label, f"{result.times[name]:.3f} s"


def _start(result: Reproduction, import_seconds: float | None) -> RenderableType:
    """Where the time to the first result went, as one bar."""
    before = [("import", import_seconds)] if import_seconds is not None else []
    return waterfall(gathered([*before, *result.stages], "rewriting"))


def _table(rows: Iterable[tuple[str, str]]) -> RenderableType:
    shown = table(Column(style="bold"), Column(overflow="fold"), show_header=False)
    for name, said in rows:
        shown.add_row(name, plain(said, LONGEST))
    return shown
