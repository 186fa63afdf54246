"""Whatever a --graph file holds or does: a graph, or one sentence that names it."""

from __future__ import annotations

import os
import sys

import pytest

from graphs.commands.named_graph import named_graph
from graphs.errors import InputError

SETUP = """
import pytensor, pytensor.tensor as pt, numpy as np
x, y = pt.dvectors("x", "y")
s = pytensor.shared(np.zeros(3), name="s")
"""


@pytest.fixture
def find(tmp_path, monkeypatch):
    """``find("text of the file", "name in it")``, with what the file changes undone after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})

    def found(text: str | bytes, name: str = "f", file: str = "hostile_graph.py"):
        path = tmp_path / file
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return named_graph(f"{path}:{name}")

    return found


LAZY = "class Lazy:\n    def __getattr__(self, name): raise {0}\nf = Lazy()\n"
RUDE = """
class Rude:
    def _no(self, *_): raise SystemExit(0)
    __call__ = __len__ = __eq__ = __iter__ = __repr__ = __str__ = __bool__ = __getitem__ = __hash__ = _no
    __class__ = property(_no)
f = Rude()
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(0)", "does not run (SystemExit: 0)"),
        ("raise SystemExit", "does not run (SystemExit)"),
        ("raise KeyboardInterrupt", "does not run (KeyboardInterrupt)"),
        ("raise BaseException('no')", "does not run (BaseException: no)"),
        ("raise GeneratorExit", "does not run (GeneratorExit)"),
        ("raise StopIteration", "does not run (StopIteration)"),
        ("raise MemoryError", "does not run (MemoryError)"),
        ("raise OSError(28, 'No space left on device')", "does not run (OSError"),
        ("def g(): g()\ng()", "does not run (RecursionError"),
        (
            "raise ValueError('\\x1b]0;owned\\x07[/b]' + 'x' * 10**5)",
            r"does not run (ValueError: \x1b]0;owned\x07[/b]",
        ),
        ("class E(Exception):\n    def __str__(self): raise E\nraise E", "does not run (E)"),
        ("def f(:", "does not run (SyntaxError"),
        (b"f = 1\0", "contain null bytes"),  # a ValueError before Python 3.11.4
        (b"f = '\xff'", "does not run (SyntaxError"),
        (b"# -*- coding: nosuch -*-\nf = 1", "does not run (SyntaxError"),
        ("", "no f in"),
        (
            "class f:\n    def __init__(self): raise SystemExit(0)",
            "cannot be called without arguments (SystemExit: 0)",
        ),
        ("def f(): raise KeyboardInterrupt", "cannot be called without arguments (KeyboardInterrupt)"),
        (LAZY.format("SystemExit(0)"), "Lazy"),
        (RUDE, "SystemExit: 0"),
        ("def __getattr__(name): raise RuntimeError('not today')", "not today"),
        ("f = [1] * 10**6", "a list"),
        ("f = []", "a list"),
        ("f = ()", "a tuple"),
        ("f = 'text'", "a str"),
        (SETUP + "f = [x] * 10**6", "1,000,000 outputs"),
        (SETUP + "f = ([x], [x] * 10**6)", "1,000,000 outputs"),
        (SETUP + "f = ([1, 2], x)", "f in"),
        (SETUP + "f = ('xy', x)", "f in"),
        (SETUP + "f = ([x, x], x * 2)", "f in"),
        (SETUP + "f = ([x], x * y)", "f in"),
        (SETUP + "f = ([s], s * 2)", "f in"),
        (SETUP + "f = ([x], 'x')", "f in"),
        (SETUP + "f = ([x], x, 3)", "f in"),
        (SETUP + "f = ([x], x, [(s, pt.matrix())])", "f in"),
        (SETUP + "f = ([x], x, [(x, x * 2)])", "f in"),
        (SETUP + "f = ([x], x, [(s, s + 1), (s, s + 2)])", "f in"),
    ],
)
def test_what_is_no_graph_is_refused_in_a_sentence(find, text, said):
    with pytest.raises(InputError) as refused:
        find(text)
    assert said in str(refused.value)
    assert "hostile_graph.py" in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(
    "name",
    ["a:b:c", "..mine:f", ".:f", "mine.py::f", ":", "a:", ":f", "json:dumps", "x.py.py:f", "", "\x1b:\x07"],
)
def test_names_of_no_graph(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(InputError) as refused:
        named_graph(name)
    assert str(refused.value).isprintable()


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "x.py").mkdir()
    with pytest.raises(InputError, match="which is no file"):
        named_graph(f"{tmp_path}/x.py:f")


@pytest.mark.parametrize("deep", ["f.part", "f.__class__.__name__.nosuch"])
def test_a_name_within_a_name(find, deep):
    with pytest.raises(InputError, match=r"hostile_graph\.py"):
        find("class f: part = 3", deep)


def test_the_file_moves_nothing_of_ours(find, tmp_path, monkeypatch):
    """Neither the folder one stands in, nor a package that has the file's name, nor what is imported later."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "colorsys.py").write_text("raise SystemExit(0)")
    (tmp_path / "beside.py").write_text("name = 'beside'")
    text = SETUP + "import os, beside; os.chdir('elsewhere'); f = (x * 2).copy(name=beside.name)"
    numpy = sys.modules["numpy"]
    sys.modules.pop("colorsys", None)
    graph = find(text, file="numpy.py")
    assert [output.name for output in [graph.outputs]] == ["beside"]
    assert os.getcwd() == str(tmp_path)
    assert sys.modules["numpy"] is numpy
    __import__("colorsys")


@pytest.mark.parametrize(
    "text",
    [
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass",
        "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: pass",
    ],
    ids=["while it is imported", "while it is called"],
)
def test_a_user_who_interrupts_is_obeyed(run_script, tmp_path, text):
    """A KeyboardInterrupt of the file's own is refused; a signal is not."""
    (tmp_path / "mine.py").write_text(text)
    run = run_script("inspect_graph", "--graph", f"{tmp_path / 'mine.py'}:f")
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "inspect: interrupted.\n")
