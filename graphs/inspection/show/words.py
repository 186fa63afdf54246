"""Numbers as people read them: 131 µs, 2.5 MB, 1.25 M, 89 GB/s."""

from __future__ import annotations

import math

__all__ = ["count", "duration", "rate", "share", "size"]

UNKNOWN = "?"


def _scaled(value: float, units: list[tuple[float, str]]) -> str:
    """Three significant figures in the largest unit that fits."""
    if not math.isfinite(value):
        return str(value)
    for factor, unit in units:
        # 999.6 of the smaller unit would print as 1000
        if abs(value) >= factor * 0.9995 or factor == units[-1][0]:
            number = value / factor
            digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
            text = f"{number:.{digits}f}"
            if "." in text:
                text = text.rstrip("0").rstrip(".")
            return f"{text} {unit}".strip()
    raise AssertionError("units must not be empty")


def duration(seconds: float | None) -> str:
    """``0.000131`` → ``131 µs``; ``?`` for None."""
    units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
    return UNKNOWN if seconds is None else _scaled(seconds, units)


def size(number: float | None) -> str:
    """``2515072`` → ``2.52 MB``; ``?`` for None."""
    units = [(1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1.0, "B")]
    return UNKNOWN if number is None else _scaled(number, units)


def count(number: float | None) -> str:
    """``1254400`` → ``1.25 M``; ``?`` for None."""
    units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")]
    return UNKNOWN if number is None else _scaled(number, units)


def rate(number: float | None, seconds: float | None, unit: str) -> str:
    """Per second, in ``G`` of `unit`; empty where there is nothing to divide."""
    if not number or not seconds:
        return ""
    return _scaled(number / seconds / 1e9, [(1.0, f"G{unit}"), (1e-3, f"M{unit}"), (1e-6, f"k{unit}")])


def share(part: float) -> str:
    """``0.753`` → ``75 %``."""
    return f"{100 * part:.0f} %" if part >= 0.0995 or part == 0 else f"{100 * part:.1f} %"
