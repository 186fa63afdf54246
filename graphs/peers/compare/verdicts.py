"""What the figures say, in sentences: who breaks, who agrees, where compiling paid off and where not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["EAGER", "add_break_even", "ratios", "verdicts"]

#: The same framework without its compiler.
EAGER = {
    "torch-compile": "torch",
    "jax-jit": "jax",
    "jax-loop": "jax",
    "pytensor": "pytensor-none",
    "pytensor-cvm": "pytensor-none",
    "pytensor-fast-compile": "pytensor-none",
    "pytensor-jax": "pytensor-none",
    "pytensor-native": "pytensor-none",
    "pytensor-native-loop": "pytensor-none",
}

AGREES = 1e-12

_THEANO = (
    "Theano's C code takes 1 for the sigmoid above 19, and for softplus above 16 its argument itself "
    "(theano/tensor/nnet/sigm.py)"
)

#: What these frameworks' functions leave out, by run and formula; found in their sources.
CUTS_CORNERS = {
    ("torch", "softplus"): "PyTorch's softplus returns its argument itself above 20",
    ("theano", "textbook"): _THEANO,
    ("theano", "logits"): _THEANO,
}


def add_break_even(records: list[dict[str, Any]]) -> None:
    """Add ``break_even`` to every timed record: steps after which its whole run is the shorter one.

    Against NumPy by hand and against the same framework uncompiled; from cold and from warm
    caches. ``None`` is never: each of its steps is the slower one. Time n steps take =
    time to first result + (n − 1) · steady state.
    """
    timed = {(r["name"], r["formula"]): r for r in records if "steady" in r and "first_result" in r}
    for (name, formula), record in timed.items():
        found: dict[str, Any] = {}
        for against in dict.fromkeys(("numpy", EAGER.get(name, "numpy"))):
            other = timed.get((against, formula))
            if other is None or against == name:
                continue
            found[against] = {cache: _break_even(record, other, cache) for cache in ("cold", "warm")}
        if found:
            record["break_even"] = found


def _break_even(record: dict[str, Any], other: dict[str, Any], cache: str) -> int | None:
    start: float = record["first_result"][cache]["whole_process"]
    step: float = record["steady"]["median"]
    other_start: float
    other_step: float
    other_start, other_step = other["first_result"][cache]["whole_process"], other["steady"]["median"]
    if start <= other_start and step <= other_step:
        return 1
    if step >= other_step:
        return None
    return 1 + math.ceil((start - other_start) / (other_step - step))


def verdicts(records: list[dict[str, Any]], sweep: list[dict[str, Any]]) -> list[str]:
    """One sentence per finding, true of these records only."""
    return [
        *_correctness(records),
        *_speed(records),
        *(_size(entry, records) for entry in sweep if entry["steady"]),
        *dict.fromkeys(_absence(record) for record in records if "happened" in record),
    ]


def _absence(record: dict[str, Any]) -> str:
    which = record["title"] if record["status"] == "missing" else f"{record['title']} ({record['formula']})"
    return f"{which} {record['status']}: {record['happened']}."


def _correctness(records: list[dict[str, Any]]) -> list[str]:
    said = []
    broke: dict[str, list[str]] = {}
    for record in records:
        if record.get("broke"):
            each = "; ".join(_broken(broken, record["steps"]) for broken in record["broke"])
            warned = "" if record["warnings"] else ", without a warning"
            broke.setdefault(f" ({record['formula']}){warned}: {each}.", []).append(record["title"])
    said += ["; ".join(titles) + what for what, titles in broke.items()]  # a title may hold a comma
    judged = [r for r in records if "agreement" in r]
    good = [r for r in judged if r["agreement"]["relative"] <= AGREES]
    if judged:
        said.append(
            f"{len(good)} of the {len(judged)} runs with finite weights agree with the reference "
            f"to {AGREES:g}."
        )
    for record in judged:
        if record["agreement"]["relative"] > AGREES:
            said.append(
                f"{record['title']} ({record['formula']}) does not: relative difference "
                f"{record['agreement']['relative']:.1e}{_why(record)}."
            )
    said += [
        f"{r['title']} ({r['formula']}) took {r['steps']:,} steps only: {r['stopped']}."
        for r in judged
        if "stopped" in r
    ]
    return said


def _why(record: dict[str, Any]) -> str:
    why = CUTS_CORNERS.get((record["name"], record["formula"]))
    return f": {why}" if why else ""


def _broken(broken: dict[str, Any], steps_taken: int) -> str:
    last = "the end" if broken["last_step"] == steps_taken else str(broken["last_step"])
    steps = f"from step {broken['first_step']} to {last}"
    if broken["of"] == 1:
        return f"{broken['quantity']} non-finite {steps}"
    return f"{broken['quantity']} {broken['inf']} inf and {broken['nan']} nan of {broken['of']}, {steps}"


def _speed(records: list[dict[str, Any]]) -> list[str]:
    timed = {(r["name"], r["formula"]): r for r in records if "steady" in r}
    said = []
    for (name, formula), record in timed.items():
        slower = []
        for against in dict.fromkeys(("numpy", EAGER.get(name, "numpy"))):
            other = timed.get((against, formula))
            if other is None or name not in EAGER:
                continue
            q1, ratio, _ = ratios(record, other)
            if q1 > 1:
                slower.append(f"{ratio:.3g} times as long as {other['title']}")
        if slower:
            said.append(f"{record['title']} ({formula}) loses: its compiled step takes {', '.join(slower)}.")
    return said


def ratios(record: dict[str, Any], other: dict[str, Any]) -> tuple[float, float, float]:
    """Quartiles of a step's time over the other's, each ratio from samples of the same round."""
    pairs = zip(record["steady"]["samples"], other["steady"]["samples"], strict=True)
    q1, median, q3 = np.quantile([mine / theirs for mine, theirs in pairs], (0.25, 0.5, 0.75))
    return float(q1), float(median), float(q3)


def _size(entry: dict[str, Any], records: list[dict[str, Any]]) -> str:
    titles = {record["name"]: record["title"] for record in records}
    order = sorted(entry["steady"], key=lambda name: entry["steady"][name]["median"])
    text = f"At {entry['samples']} × {entry['features']} {titles[order[0]]} is fastest"
    if len(order) > 1:
        ratio = entry["steady"][order[1]]["median"] / entry["steady"][order[0]]["median"]
        text += f", {titles[order[1]]} next with {ratio:.2f} times its step"
    return f"{text}."
