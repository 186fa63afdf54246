"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

from graphs.errors import InputError, choose
from graphs.experiment.results import to_json
from graphs.files import make_folder, write_whole
from graphs.lessons import LESSONS, lesson
from graphs.lessons.slopes import picture
from graphs.lessons.table import lesson_table
from graphs.pictures import MissingMatplotlib
from graphs.terminal import console

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Parse, run, show."""
    chosen = [choose("lesson", name, LESSONS) for name in given.lesson] or list(LESSONS)
    if given.out:
        try:
            make_folder(given.out)
        except OSError as error:
            raise InputError(
                "out", found=f"{given.out} ({error.strerror})", allowed="a folder that can be made"
            ) from error
    taught = {}
    for name in chosen:
        teach = lesson(name)
        taught[name] = teach()
        if not given.json:
            explanation = (inspect.getdoc(teach) or "").partition("\nReturns\n")[0].strip()
            console().print(lesson_table(name, explanation, taught[name]), "")
    if given.json:
        sys.stdout.buffer.write(to_json(taught))
    if given.out:
        write_whole(Path(given.out) / "lessons.json", to_json(taught))
        if "slopes" in chosen:
            try:
                write_whole(Path(given.out) / "tanh.png", picture())
            except MissingMatplotlib as error:
                print(f"lesson: {error}", file=sys.stderr)
    return 0
