"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

from rich.console import Console

from graphs import frameworks
from graphs.comparison.lessons import LESSONS
from graphs.comparison.lessons.table import lesson_table
from graphs.comparison.plots import slopes_picture
from graphs.errors import InputError, choose
from graphs.experiment.results import to_json
from graphs.files import write_whole
from graphs.frameworks import slopes


def main(given: argparse.Namespace) -> int:
    """Parse, run, show."""
    chosen = [choose("lesson", name, LESSONS) for name in given.lesson] or list(LESSONS)
    if given.out:
        try:
            Path(given.out).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "out", found=f"{given.out} ({error.strerror})", allowed="a folder that can be made"
            ) from error
    console = Console()
    taught = {}
    for name in chosen:
        taught[name] = LESSONS[name]()
        if not given.json:
            explanation = inspect.cleandoc(LESSONS[name].__doc__ or "").partition("\nReturns\n")[0].strip()
            console.print(lesson_table(name, explanation, taught[name]), "")
    if given.json:
        sys.stdout.buffer.write(to_json(taught))
    if given.out:
        write_whole(Path(given.out) / "lessons.json", to_json(taught))
        if "slopes" in chosen:
            draw_slopes(Path(given.out) / "tanh.png")
    return 0


def draw_slopes(path: Path) -> None:
    """Draw tanh and its slope, by Autograd where it is installed, else by PyTensor."""
    found = slopes.in_pytensor() if frameworks.missing("autograd") else slopes.in_autograd()
    try:
        write_whole(path, slopes_picture(found))
    except ImportError:
        print("lesson: pictures need matplotlib: pip install 'graphs[pictures]'", file=sys.stderr)
