"""Which line of the user's own made a variable: read from the trace that PyTensor keeps with it."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Line", "short_path", "traces", "user_line"]

PYTHON = sysconfig.get_path("stdlib")
OWN = tuple(str(Path(__file__).parent / room) for room in ("gradient_check", "inspection", "commands"))


class Line(NamedTuple):
    """A line of source code."""

    file: str  # its path; below the import root for installed packages
    line: int  # counted from 1
    function: str  # the function it stands in; empty where unknown
    text: str  # the line itself; empty where unknown


def traces(variable: Any) -> list[Any]:
    """The traces that PyTensor keeps with a variable, each a list of frames, the innermost last."""
    return [frames for frames in getattr(variable.tag, "trace", None) or () if frames]


def user_line(frames: Iterable[Any]) -> Line | None:
    """The innermost frame of a variable's trace that is the user's own code, else another library's.

    What called this project's own code is no user's, but how it was started, or a graph asked for as a whole.
    """
    called = list(frames)
    ours = max((i for i, frame in enumerate(called) if str(frame[0]).startswith(OWN)), default=-1)
    inner = [frame for frame in called[ours + 1 :] if frame[0] and not _is_machinery(frame[0])]
    written = [frame for frame in inner if not _is_installed(frame[0])] or ([] if ours >= 0 else inner)
    if not written:
        return None
    file, line, function, text = written[-1]
    return Line(short_path(file), int(line), function or "", text or "")


def short_path(path: str) -> str:
    """A file's path below the import root it was found in, or as it is."""
    return re.sub(r"^(.*/)?(site|dist)-packages/", "", Path(path).as_posix())


def _is_installed(file: str) -> bool:
    """Whether a file belongs to an installed package or to Python: what the user's code calls, and did not write."""
    return short_path(file) != Path(file).as_posix() or file.startswith(PYTHON)


@cache
def _pytensor_home() -> str:
    spec = find_spec("pytensor")  # not imported for it: commands begin without it
    return str(Path(spec.origin).parent) if spec and spec.origin else "<none>"


def _is_machinery(file: str) -> bool:
    """Whether a file belongs to PyTensor, the interpreter or a notebook's kernel."""
    return (
        file.startswith(_pytensor_home())
        or file.startswith("<frozen")
        or short_path(file).split("/")[0] in ("IPython", "ipykernel", "runpy.py")
        or file == getattr(sys.modules.get("runpy"), "__file__", None)
    )
