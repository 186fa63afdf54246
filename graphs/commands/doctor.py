"""Show which known stabilizing rewrites fire, mode by mode, here and beside it under other versions."""

from __future__ import annotations

import argparse

from graphs.files import writable
from graphs.foreign import plain
from graphs.inspection.firing import keep, kept, try_modes
from graphs.inspection.show.firing import firing_view
from graphs.terminal import Shown, as_text, console

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Read, try, show."""
    if given.json is not None:
        writable("json", given.json)
    others = [kept(path) for path in given.beside]
    with Shown() as listener:
        found = try_modes(given.mode, listener)
    if given.json is not None:
        keep(found, given.json)
    view, out = firing_view([found, *others]), console()
    if out.is_terminal:
        out.print(view)
    else:
        print(as_text(view, 120), end="")
    if given.json is not None:
        print(f"kept in {plain(given.json)}")
    return 0
