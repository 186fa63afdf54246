"""Hostile names in every view: markup, terminal escapes, mathtext, HTML, direction of writing, no end to it.

What is foreign is shown and never obeyed: all that is printed is text, a short name stands there as it is, and no
view, picture or C file comes out otherwise for a name.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.inspection import Recording, inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.show.report import HotNodes, overview
from graphs.native import NativeLinker, NativeMode, source_of
from graphs.terminal import as_html, as_text
from tests.attack.attacked import NATIVE, RIGHT
from tests.attack.damage import limited
from tests.attack.faults import FaultyForks
from tests.attack.tally import Tally
from tests.forked import Run
from tests.inspection.hostile import HOSTILE, SEEN, poisoned, problems


def unprintable(text: str) -> str:
    """What of a text is no text; empty where all is."""
    found = sorted({c for c in text if not c.isprintable() and c != "\n"})
    return f"it holds {found}" if found else ""


def seen(text: str, name: str) -> bool:
    """Whether a name stands in a text as it is, wherever a line ends."""
    return re.sub(r"\s", "", name) in re.sub(r"\s", "", text)


def shown(render: Callable[[], str], *names: str) -> str:
    """What is wrong with a text: with what it holds, that it is endless, or that one of `names` is not in it."""
    try:
        with limited():
            text = render()
    except BaseException as error:  # also what took too long
        return f"{type(error).__name__}: {str(error)[:200]!r}"
    if len(text) > 400_000:
        return f"{len(text):,} characters"
    return unprintable(text) or "".join(f"{name!r} is not seen" for name in names if not seen(text, name))


# --- recordings


def small(name: str, w_name: str = "w", x_name: str = "x", mode: Any = None) -> Recording:
    """A recording that knows everything, of a function and variables so called."""
    x, w = pt.dvector(x_name), pytensor.shared(np.ones(3), name=w_name)
    p = pt.sigmoid(x * w)
    mode = mode or pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
    inspection = inspect([x], [pt.log1p(-p).sum()], [(w, w - 0.1 * p)], mode=mode, name=name)
    return inspection.evaluate(np.array([1.0, 2.0, 800.0])).measure(seconds=0.01, rounds=1).recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return small("small")


@pytest.mark.parametrize("keep", [False, True], ids=["instead", "behind"])
def test_every_string_of_a_recording(recording: Recording, tally: Tally, keep: bool) -> None:
    for kind, name in HOSTILE.items():
        hostile = poisoned(recording, lambda text: text + name if keep else name)  # noqa: B023
        if len(name) < 1000:
            try:
                hostile = from_json(to_json(hostile))
            except ValueError as refusal:  # no view sees it then, unless it is of this process
                tally.case(f"{kind}, refused", unprintable(str(refusal)))
        for view, wrong in problems(hostile, recording, most=2, widths=(100,), every=not keep):
            tally.case(f"{kind}, {view}", wrong)


def html(render: Callable[[], str]) -> str:
    """What is wrong with a text for a notebook."""
    if problem := shown(render):
        return problem
    inside = re.sub(r"</?(pre|span|code|div|b|i)\b[^<>]*>", "", render())
    return "markup of a name is left" if re.search(r"<\s*[a-zA-Z/!]", inside) else ""


def test_names_of_a_function_and_its_variables(tally: Tally) -> None:
    for kind, name in HOSTILE.items():
        try:
            found = small(name, name, name)
        except ValueError as refusal:
            tally.case(f"{kind}, refused", unprintable(str(refusal)))
            continue
        except Exception as problem:
            tally.case(kind, f"{type(problem).__name__}: {str(problem)[:200]!r}")
            continue
        names = [name] if kind in SEEN else []
        tally.case(f"{kind}, report", shown(lambda: as_text(overview(found), 160), *names))  # noqa: B023
        tally.case(f"{kind}, nodes", shown(lambda: as_text(HotNodes(found, most=99), 160)))  # noqa: B023
        tally.case(f"{kind}, HTML", html(lambda: as_html(overview(found))))  # noqa: B023
        tally.case(f"{kind}, there and back", shown(lambda: repr(from_json(to_json(found)) == found)))  # noqa: B023


def skeleton(text: str) -> str:
    """A C file without its comments, every name in it the same."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"[A-Za-z_]\w*", "name", code))


def test_names_in_a_c_file(tally: Tally) -> None:
    """A name stands in comments, and names variables in C at most: the code is the same for every name."""
    expected = ""
    for kind, name in {"plain": "w", **HOSTILE}.items():
        x, s = pt.dvector(name), pytensor.shared(np.ones(3), name=name)
        (p := pt.sigmoid(x * s)).name = name
        try:
            mode = NativeMode(NativeLinker(cached=False))
            function = pytensor.function([x], p.sum(), updates=[(s, s - 0.3 * x)], mode=mode, name=name)
            answer = function([1.0, 2.0, 3.0])
        except Exception as error:
            tally.case(kind, f"{type(error).__name__}: {str(error)[:200]!r}")
            continue
        source = source_of(function)
        text = source.text if source else ""
        expected = expected or skeleton(text)
        problem = "" if text else "it is not native"
        if f"{float(answer):.12g}" != RIGHT.split()[0]:
            problem = problem or f"it computes {answer}"
        if skeleton(text) != expected and name:  # a value without a name has no line of its own
            problem = problem or "its code is another"
        if len(text) > 100_000:
            problem = problem or f"its file has {len(text):,} characters"
        tally.case(kind, problem or unprintable(text)[:200])


# --- names on the command line


def told(run: Run, *codes: int) -> str:
    """What is wrong with what a command says and how it ends."""
    text = run.stdout + run.stderr
    if "Traceback" in text:
        return f"a traceback ending in {text.splitlines()[-1]!r}"
    if codes and run.returncode not in codes:
        return f"exit code {run.returncode}: {run.stderr[-200:]!r}"
    if len(run.stderr) > 5000:
        return f"{len(run.stderr)} characters on standard error"
    return unprintable(text)


def file_names() -> Iterator[tuple[str, str]]:
    """Names that a file can have, undecodable bytes among them."""
    for kind in (*SEEN, "terminal title", "cursor", "lines", "directions", "blank"):
        yield kind, HOSTILE[kind].replace("/", "|")
    yield "undecodable", "a\udcff"
    yield "an option", "--json"


#: Quick to compute, slow enough to be a whole run with its pictures.
QUICK = ("--steps", "3", "--mode", "FAST_COMPILE", "--formula", "logits", "--weight-decay", "0")


def test_file_names(
    run_forked: Callable[..., Run], tmp_path: Path, recording: Recording, tally: Tally
) -> None:
    for number, (kind, name) in enumerate(file_names()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "kept.json").write_text(to_json(recording))
        (folder / f"{name}.csv").write_text("1,0\n2,1\n3,0\n4,1\n")
        (folder / f"{name}.json").write_text("{}")
        (folder / f"{name}.py").write_text("raise ValueError(__file__)\n")
        decoded = name.encode("utf-8", "replace").decode()  # an archive holds no other names
        np.savez(folder / "names.npz", **{f"{decoded}{k}": np.ones(2) for k in range(3)})
        # A run keeps the name of its data; what UTF-8 cannot hold is refused.
        done = 2 if kind == "undecodable" else 0
        for what, codes, command in (
            ("--data", (done,), ("reproduce", *QUICK, f"--data={name}.csv", f"--out={name}.run")),
            ("--resume", (0,), ("reproduce", "--resume", f"--out={name}.run")),
            ("--out there", (2,), ("reproduce", *QUICK, f"--out={name}.run")),
            ("no --data", (2,), ("reproduce", *QUICK, f"--data={name}.none.npz")),
            ("--data's arrays", (2,), ("reproduce", *QUICK, "--data=names.npz")),
            ("--load", (2,), ("inspect_graph", f"--load={name}.json")),
            ("--json", (0,), ("inspect_graph", "--load=kept.json", "--step=1", f"--json={name}.kept.json")),
            ("--against", (2,), ("inspect_graph", "--load=kept.json", f"--against={name}.json")),
            ("--graph", (2,), ("inspect_graph", f"--graph={name}.py:f")),
            ("no --graph", (2,), ("inspect_graph", f"--graph={name}:{name}")),
            ("--rule", (2,), ("inspect_graph", "--load=kept.json", f"--rule={name}")),
            ("--phase", (2,), ("inspect_graph", "--load=kept.json", f"--phase={name}")),
            ("--code", (2,), ("inspect_graph", "--load=kept.json", f"--code={name}")),
            ("--mode", (2,), ("reproduce", f"--mode={name}")),
            ("--shape", (2,), ("inspect_graph", f"--shape={name}", "--mode=FAST_COMPILE", "--quick")),
            ("lesson", (2,), ("lesson", "--", name)),
            ("compare --out", (2,), ("compare", f"--out={name}.csv")),
            ("compare --runs", (2,), ("compare", f"--runs={name}", "--code")),
            ("benchmark --json", (2,), ("benchmark", "--quick", f"--json={name}.csv/x")),
            ("benchmark --only", (2,), ("benchmark", f"--only={name}")),
        ):
            if (
                not what.startswith(("--data", "--resume", "--out", "--load", "--json", "--graph"))
                and number % 5
            ):
                continue  # takes a text as any other option does
            tally.case(f"{kind}: {what}", told(run_forked(*command, cwd=folder), *codes))
        there = {path.name for path in (folder / f"{name}.run").glob("*")}
        lacking = set() if done else {"result.json", "cost.png", "weights.png"} - there
        tally.case(f"{kind}: the run is kept", f"without {sorted(lacking)}" if lacking else "")


def test_long_arguments(run_forked: Callable[..., Run], tmp_path: Path, tally: Tally) -> None:
    long = "n" * 100_000
    np.savez(tmp_path / "many.npz", **{f"array{k}": np.ones(1) for k in range(2000)})
    for command in (
        ("reproduce", f"--data={long}.csv"),
        ("reproduce", f"--out={long}", *QUICK),
        ("reproduce", f"--mode={long}"),
        ("reproduce", f"--steps={long}"),
        ("reproduce", f"--{long}"),
        ("reproduce", f"--data={tmp_path / 'many.npz'}"),
        ("inspect_graph", f"--graph={long}.py:f"),
        ("inspect_graph", f"--graph={long}:{long}"),
        ("inspect_graph", f"--load={long}"),
        ("lesson", long),
        ("compare", f"--runs={long}"),
        ("benchmark", f"--sizes={long}"),
        (long,),
    ):
        script, *words = command if command[0] != long else ("cache", long)
        run = run_forked(script, *words)
        tally.case(f"{script} {words[0][:30]}", told(run, 2))


# --- what a file of the user's raises

GRAPHS = {
    "message": "raise ValueError('''{name}''')",
    "name of the class": "raise type('''{name}''', (Exception,), {{}})('x')",
    "long message": "raise ValueError('x' * 10**6)",
    "many lines": "raise ValueError('x\\n' * 10**4)",
    "no message": "raise ValueError",
    "str fails": "class E(Exception):\n    def __str__(self): raise ValueError('in str')\nraise E()",
    "repr fails": "class R:\n    def __repr__(self): raise ValueError('in repr')\nf = R()",
    "exit": "import sys; sys.exit(0)",
    "exit with words": "import sys; sys.exit('''{name}''')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "BaseException": "class B(BaseException): pass\nraise B('''{name}''')",
    "GeneratorExit": "raise GeneratorExit",
    "StopIteration": "raise StopIteration",
    "group": "raise ExceptionGroup('''{name}''', [ValueError('x')])",
    "recursion": "def f(): return f()\nf()",
    "MemoryError": "raise MemoryError('''{name}''')",
    "OSError": "raise OSError(28, '''{name}''', '''{name}''')",
    "BrokenPipe": "raise BrokenPipeError",
    "syntax": "def f(:",
    "encoding": "# coding: nonsense",
    "NUL": "x = 1\0",
    "called": "def f(): raise ValueError('''{name}''')",
    "exits as called": "def f():\n    import sys; sys.exit(0)",
    "property": "class C:\n    @property\n    def g(self): raise ValueError('''{name}''')\nf = C()",
    "getattr": "def __getattr__(name): raise RuntimeError('''{name}''')",
    "names beside it": "globals()['''{name}'''] = 1\nfor k in range(5000): globals()[f'n{{k}}'] = k",
    "a class of that name": "f = type('''{name}''', (), {{}})()",
    "a call that lies": "class C:\n    def __call__(self, *a): return C()\nf = C()",
    "an iterator that lies": "class C(list):\n    def __len__(self): raise ValueError\n    __iter__ = __len__\nf = C([1])",
    "class that lies": "class M(type):\n    def __instancecheck__(c, o): raise ValueError\n"
    "class C(metaclass=M):\n    __class__ = property(lambda s: 1 / 0)\nf = C()",
}


def test_what_a_users_file_raises(run_forked: Callable[..., Run], tmp_path: Path, tally: Tally) -> None:
    for kind, text in GRAPHS.items():
        for name in ("[/a]\x1b]0;owned\x07", "\u202e<b>\ud800") if "{name}" in text else ("",):
            written = text.format(name=name.encode("unicode_escape").decode()) if name else text
            (tmp_path / "mine.py").write_text(written)
            asked = "f.g" if kind == "property" else "f"
            run = run_forked("inspect_graph", f"--graph={tmp_path / 'mine.py'}:{asked}", "--quick")
            problem = told(run, 2)
            if not problem and len(run.stderr.splitlines()) != 1:
                problem = f"{len(run.stderr.splitlines())} lines: {run.stderr[:200]!r}"
            tally.case(f"{kind}, {name!r}", problem)


def test_what_a_function_raises(run_forked: Callable[..., Run], tmp_path: Path, tally: Tally) -> None:
    """An Op of the user's that fails when it is rewritten, when it is run, with a hostile name."""
    text = (
        "import pytensor, pytensor.tensor as pt\n"
        "from pytensor.graph.op import Op\nfrom pytensor.graph.basic import Apply\n"
        "class Mine(Op):\n"
        "    __props__ = ()\n"
        "    def make_node(self, x): return Apply(self, [x], [x.type()])\n"
        "    def perform(self, node, inputs, outputs): raise {raised}\n"
        "    def __str__(self): return NAME\n"
        "NAME = '''{name}'''\n"
        "x = pt.dvector(NAME)\n"
        "f = [Mine()(x * 2)]\n"
    )
    for name in ("[/a]", "\\x1b]0;owned\\x07", "\\ud800", "<b>"):
        for raised in (
            "ValueError(NAME)",
            "SystemExit(0)",
            "KeyboardInterrupt()",
            "type(NAME, (Exception,), {})(NAME * 10**5)",
        ):
            (tmp_path / "mine.py").write_text(text.replace("{name}", name).replace("{raised}", raised))
            graph, mode = f"--graph={tmp_path / 'mine.py'}:f", "--mode=FAST_COMPILE"
            run = run_forked("inspect_graph", graph, mode, "--shape", f"{name}=3", "--quick")
            tally.case(f"{name}, {raised}", told(run, 0, 1, 2, 130))


# --- the environment


def environments(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """A variable, its value, and whether the folder that it names shall be there."""
    script, no_format = folder / "hostile-cc", folder / "no-format"
    script.write_text("#!/bin/sh\nprintf '%b' '\\033]0;owned\\007 [/a] \\0377' >&2\nexit 1\n")
    no_format.write_bytes(b"\x7fELF nothing")
    for path in (script, no_format):
        path.chmod(0o755)
    compilers = [
        "",
        " ",
        "\t",
        '"',
        "'gcc",
        "gcc '",
        "\\",
        "gcc -DX='\"",
        "[/a]",
        "\x1b]0;owned\x07",
        "gcc\n",
        "-",
    ]
    compilers += [
        "n" * 10_000,
        "gcc --nosuch[/a]",
        "a\udcff",
        "/",
        ".",
        str(folder),
        str(script),
        str(no_format),
    ]
    flags = ('"', "'", " ", "\\", "--nosuch\x1b[2J", "-DX='", "a\udcff")
    numbers = [
        "2,2",
        "abc",
        "-1",
        "0",
        "",
        " ",
        "²",
        "9" * 100,
        "1.5",
        "\x1b[2J",
        "1,abc",
        ",",
        "2 ",
        "0x2",
        "a\udcff",
    ]
    for variable, values in (
        ("CC", compilers),
        ("GRAPHS_NATIVE_CFLAGS", flags),
        ("OMP_NUM_THREADS", numbers),
    ):
        yield from ((variable, value, False) for value in values)
    for variable in ("GRAPHS_NATIVE_CACHE", "TMPDIR"):
        for name in ("[/a]", "\x1b]0;owned\x07", "$\\foo{$", "a b", "a\udcff", "a\nb", "n" * 200, "~", "%s"):
            yield variable, str(folder / variable / name), True
        for where in (str(folder / "no" / "such"), "/dev/null", "/proc/none", "n" * 5000, ".", "", "[/a]"):
            yield variable, where, False


def test_the_environment(faulty: FaultyForks, tmp_path: Path, tally: Tally) -> None:
    """What names a compiler, a folder or a number: used, or left aside with a sentence; and the numbers are right."""
    for variable, value, there in environments(tmp_path):
        if there:
            os.makedirs(value, mode=0o700)
        env = {"GRAPHS_NATIVE_CACHE": str(tmp_path / "none"), variable: value}
        run = faulty.run(NATIVE, root=tmp_path / "no faults", env=env, cwd=tmp_path)
        problem = told(run, 0)
        if not problem and run.stdout.strip() != RIGHT:
            problem = f"it says {run.stdout!r}"
        if not problem and len(run.stderr.splitlines()) > 1:
            problem = f"{len(run.stderr.splitlines())} lines: {run.stderr[:200]!r}"
        tally.case(f"{variable}={value[-40:]!r}", problem)


def test_numbers_of_threads_that_are_none(run_script: Callable[..., Any], tally: Tally) -> None:
    """In whole processes: PyTensor reads the variable when it is imported."""
    for number in ("2,2", "abc", "0", "-1", "²", "1.5", " ", "9" * 30):
        done = run_script(
            "reproduce", *QUICK, "--samples=20", "--features=4", "--json", env={"OMP_NUM_THREADS": number}
        )
        problem = (
            f"a traceback ending in {done.stderr.splitlines()[-1]!r}" if "Traceback" in done.stderr else ""
        )
        if not problem and done.returncode not in (0, 2):
            problem = f"exit code {done.returncode}"
        tally.case(f"OMP_NUM_THREADS={number!r}", problem or unprintable(done.stderr))


def test_output_that_cannot_show_a_character(
    run_script: Callable[..., Any], recording: Recording, tmp_path: Path, tally: Tally
) -> None:
    (tmp_path / "kept.json").write_text(to_json(recording))
    for encoding in ("ascii", "latin-1", "cp1252", "utf-16"):
        for command in (
            ("reproduce", *QUICK),
            ("reproduce", *QUICK, "--json"),
            ("inspect_graph", f"--load={tmp_path / 'kept.json'}"),
            ("inspect_graph", "--schema"),
            ("compare", "--code", "--runs", "numpy"),
            ("lesson", "labels"),
            ("lesson", "nosuch\u2603"),
            ("reproduce", "--help"),
        )[: None if encoding == "ascii" else 3]:
            env = {"PYTHONIOENCODING": encoding, "COLUMNS": "100"}
            done = run_script(*command, env=env, encoding=encoding, errors="replace")  # the schema is UTF-8
            problem = (
                ""
                if done.returncode == (2 if "nosuch" in command[1] else 0)
                else f"exit code {done.returncode}"
            )
            if "Traceback" in done.stderr:
                problem = f"a traceback ending in {done.stderr.splitlines()[-1]!r}"
            tally.case(f"{encoding}: {' '.join(command)[:60]}", problem)


def test_a_title_of_mathtext_is_no_formula(tally: Tally) -> None:
    """What enters a picture: the name of the data, of a mode, of a comparison."""
    from graphs.experiment.pictures import draw_history
    from graphs.experiment.reproduction import reproduce
    from graphs.experiment.settings import Settings
    from graphs.pictures import png

    settings = Settings(samples=10, features=3, steps=3, mode="FAST_COMPILE", weight_decay=0.0)
    result = reproduce(settings)
    for kind, name in HOSTILE.items():
        object.__setattr__(result.dataset, "name", name[:2000])
        try:
            with limited(seconds=30), redirect_stderr(io.StringIO()):
                data = png(draw_history(result))
            tally.case(kind, "" if data.startswith(b"\x89PNG") and len(data) < 2_000_000 else "no picture")
        except BaseException as problem:
            tally.case(kind, f"{type(problem).__name__}: {str(problem)[:200]!r}")
