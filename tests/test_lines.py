"""A variable's line is the user's own, where there is one; else that of the library which they called."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytensor
import pytensor.tensor as pt

from graphs.lines import Line, short_path, traces, user_line

PACKAGES = sysconfig.get_path("purelib")
MINE = ("/home/me/mine.py", 3, "<module>", "y = f(x)")
LIBRARY = (f"{PACKAGES}/pymc/model.py", 7, "logp", "return z")
MACHINERY = (f"{Path(pytensor.__file__).parent}/tensor/math.py", 9, "exp", "return Exp()")
OURS = (str(Path(__file__).parents[1] / "graphs" / "gradient_check" / "check.py"), 1, "run", "go()")


def test_the_line_of_a_variable_that_was_just_made():
    made = pt.exp(pt.dvector())  # here
    (frames,) = traces(made)
    line = user_line(frames)
    assert Path(line.file).name == "test_lines.py"
    assert line.text == "made = pt.exp(pt.dvector())  # here"
    assert traces(SimpleNamespace(tag=SimpleNamespace())) == []


def test_the_innermost_line_of_the_user_comes_first():
    assert user_line([MINE, LIBRARY, MACHINERY]) == Line(*MINE)
    assert user_line([LIBRARY, MINE, MACHINERY]) == Line(*MINE)


def test_a_library_where_there_is_no_line_of_the_user():
    assert user_line([LIBRARY, MACHINERY]) == Line("pymc/model.py", 7, "logp", "return z")
    assert user_line([MACHINERY]) is None
    assert user_line([]) is None


def test_what_called_this_project_is_no_line_of_the_user():
    assert user_line([MINE, OURS, MACHINERY]) is None
    assert user_line([OURS, MINE]) == Line(*MINE)
    assert user_line([OURS, LIBRARY]) is None


def test_paths_below_the_folder_of_packages():
    assert short_path("/usr/lib/python3/dist-packages/numpy/core.py") == "numpy/core.py"
    assert short_path("/home/me/mine.py") == "/home/me/mine.py"
