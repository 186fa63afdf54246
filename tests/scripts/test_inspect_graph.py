"""The inspect command, run as its users run it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from graphs.inspection.file import schema

OWN = """
import numpy as np
import pytensor
import pytensor.tensor as pt

x, y = pt.dvectors("xy")
s = pytensor.shared(np.arange(3.0), name="s")
expression = pt.log(1 - pt.sigmoid(x)) * y
several = [x + y, x * y]
parts = ([x], [pt.log(pt.exp(x)) * s], [(s, s + x)])
f = pytensor.function([x], x * 2 + 0, mode="FAST_COMPILE", name="double")
number = 3


def make():
    return expression


def fails():
    raise RuntimeError("not today")


def needs(argument):
    return argument


class Leaves(pytensor.graph.op.Op):
    __props__ = ()
    itypes = otypes = [pt.dvector]

    def perform(self, node, inputs, outputs):
        raise SystemExit(0)


leaves = ([x], Leaves()(x))
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


@pytest.fixture
def inspect(run_script):
    def run(*arguments, **kwargs):
        return run_script("inspect_graph", *map(str, arguments), **kwargs)

    return run


@pytest.fixture
def inspect_forked(run_forked):
    """The same in a process that need not import first."""

    def run(*arguments, **kwargs):
        return run_forked("inspect_graph", *map(str, arguments), **kwargs)

    return run


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "train.json"


def test_the_story_of_the_train_graph(inspect, kept):
    done = inspect("--mode", "FAST_COMPILE", "--quick", "--json", kept)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "The graph as written has 73 nodes" in told
    assert "w is not finite in all 784 entries" in told
    assert "local_add_canonizer" in told
    assert re.search(r"log\(.*\) → ", done.stdout)
    assert "Known stabilizing rewrites" in told
    assert "\x1b" not in done.stdout  # a pipe gets no colours
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


def test_a_kept_recording_is_shown_again_without_computing(inspect_forked, kept):
    if not kept.exists():
        inspect_forked("--mode", "FAST_COMPILE", "--quick", "--json", kept)
    done = inspect_forked("--load", kept, "--rule", "canonizer", "--width", "80")
    assert done.returncode == 0, done.stderr
    assert "local_add_canonizer" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    step = re.search(r"^(\d+) +local_add_canonizer", done.stdout, re.MULTILINE)[1]
    done = inspect_forked("--load", kept, "--step", step)
    assert f"Step {step} of" in done.stdout
    assert "before" in done.stdout


def test_the_page_is_written_beside_what_is_printed(inspect_forked, kept, tmp_path):
    if not kept.exists():
        inspect_forked("--mode", "FAST_COMPILE", "--quick", "--json", kept)
    done = inspect_forked("--load", kept, "--html", tmp_path / "page.html", "--step", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"to be opened in a browser: {tmp_path / 'page.html'}"
    html = (tmp_path / "page.html").read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert html.endswith("</html>\n")
    two = inspect_forked("--load", kept, "--against", kept, "--html", tmp_path / "two.html")
    assert two.returncode == 0, two.stderr
    assert (tmp_path / "two.html").read_text().count('"format":"graphs recording"') == 2


def test_a_page_of_two_modes_computed_for_it(inspect, tmp_path):
    done = inspect(
        "--mode",
        "FAST_COMPILE",
        "--against",
        "without:local_add_canonizer",
        "--quick",
        "--html",
        tmp_path / "p.html",
    )
    assert done.returncode == 0, done.stderr
    assert '"label":"without:local_add_canonizer"' in (tmp_path / "p.html").read_text()


def test_the_files_schema_is_printed(inspect):
    done = inspect("--schema")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(schema()))


@pytest.mark.parametrize("name", ["expression", "several", "parts", "f", "make"])
def test_a_graph_of_ones_own(inspect_forked, own, name):
    mode = () if name == "f" else ("--mode", "FAST_COMPILE")
    both = () if name in ("f", "parts") else ("--shape", "y=3")
    done = inspect_forked("--graph", f"{own}:{name}", *mode, "--nodes", "--quick", "--shape", "x=3", *both)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^#\d+", done.stdout, re.MULTILINE)


def test_a_module_in_the_present_folder(inspect, own):
    done = inspect("--graph", "mine:f", "--shape", "x=3", "--rule", "no such", cwd=own.parent)
    assert done.returncode == 2  # found and compiled, and then no such rule
    assert "rule" in done.stderr


def test_code_of_a_node(inspect):
    done = inspect("--mode", "none", "--code", "2")
    assert done.returncode == 0, done.stderr
    assert "def perform" in done.stdout


def test_why_a_rewrite_did_not_fire(inspect_forked, own, tmp_path):
    kept = tmp_path / "why.json"
    asked = ("--why", "log1p_neg_sigmoid", "--why", "local_log1p")
    done = inspect_forked("--graph", f"{own}:expression", "--mode", "FAST_COMPILE", *asked, "--json", kept)
    assert done.returncode == 0, done.stderr
    assert "log1p_neg_sigmoid: left out by the mode" in done.stdout
    assert "to have it: mode.including(" in done.stdout
    again = inspect_forked("--load", kept, "--why", "local_log1p")
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == done.stdout.partition("\n\n")[2].partition("kept in")[0].strip()
    report = inspect_forked("--load", kept)
    assert "Why did it not fire?" in report.stdout
    other = inspect_forked("--load", kept, "--why", "merge2")
    assert (other.returncode, other.stdout) == (2, "")
    assert "allowed: log1p_neg_sigmoid, local_log1p" in other.stderr


def test_two_modes_side_by_side(inspect, own):
    done = inspect("--graph", f"{own}:parts", "--shape", "x=3", "--mode", "FAST_COMPILE", "--against", "none")
    assert done.returncode == 0, done.stderr
    assert "FAST_COMPILE and none" in done.stdout
    assert "They part after 0 steps" in done.stdout


@pytest.mark.parametrize("wanted", [True, False])
def test_colours_only_where_they_are_wanted(inspect, own, wanted):
    """NO_COLOR is for whoever wants none in a terminal too."""
    env = {"FORCE_COLOR": "1"} | ({} if wanted else {"NO_COLOR": "1"})
    chosen = ("--mode", "FAST_COMPILE", "--step", "1", "--shape", "x=3")
    done = inspect("--graph", f"{own}:parts", *chosen, env=env)
    assert done.returncode == 0, done.stderr
    assert bool(re.search(r"\x1b\[(?:\d+;)*3[0-7]m", done.stdout)) == wanted


def test_help_teaches(inspect):
    done = inspect("--help")
    assert done.returncode == 0
    for word in ("canonicalize", "examples:", "--against", "exit codes"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--graph", "nothing"), "logistic, module:object or file.py:name"),
        (("--graph", "no_such_module:f"), "no_such_module"),
        (("--graph", "{own}x.py:f"), "no file"),
        (("--graph", "{own}:absent"), "absent"),
        (("--graph", "{own}:number"), "int"),
        (("--graph", "{own}:fails"), "not today"),
        (("--graph", "{own}:needs"), "without arguments"),
        (("--graph", "{own}:f", "--mode", "CVM"), "mode"),
        (("--graph", "{own}:expression", "--dtype", "float32"), "dtype"),
        (("--graph", "{own}:expression", "--mode", "none", "--shape", "x"), "NAME=LENGTH"),
        (("--graph", "{own}:expression", "--mode", "none", "--shape", "z=3"), "z"),
        (("--graph", "{own}:parts", "--mode", "none", "--shape", "x=3", "--step", "1"), "step"),
        (("--graph", "{own}:parts", "--mode", "none", "--shape", "x=3", "--code", "999"), "code"),
        (("--graph", "{own}:parts", "--mode", "none"), "--shape x=LENGTH"),
        (("--graph", "{own}:parts", "--input", "x=abc"), "NAME=NUMBER"),
        (("--graph", "{own}:parts", "--input", "x=/no/such.npy"), "no file '/no/such.npy'"),
        (("--graph", "{own}:parts", "--input", "{own}"), "NAME=FILE.npy"),
        (("--graph", "{own}:parts", "--input", "{own}:fails"), "not today"),
        (("--graph", "{own}:parts", "--input", "{own}:number"), "a mapping of values by input"),
        (("--graph", "{own}:parts", "--input", "x=1", "--input", "x=2"), "two values for 'x'"),
        (("--graph", "{own}:parts", "--mode", "none", "--input", "z=3"), "no input of that name for z"),
        (("--graph", "{own}:parts", "--mode", "none", "--input", "x=3"), "input: found int"),
        (("--input", "x=3"), "--input for the logistic graph"),
        (("--load", "{own}", "--input", "x=3"), "--input beside --load"),
        (("--mode", "FASTEST"), "FAST_COMPILE"),
        (("--width", "3"), "width"),
        (("--width", "9" * 30), "width"),
        (("--shape", "x=3"), "shape"),
        (("--step", "0"), "step"),
        (("--code", "²"), "code"),
        (("--code", "x"), "code"),
        (("--rule", ""), "rule"),
        (("--load", "{own}", "--mode", "CVM"), "--mode beside --load"),
        (("--load", "{own}", "--graph", "a:b"), "--graph beside --load"),
        (("--load", "{own}", "--shape", "x=3"), "--shape beside --load"),
        (("--against", "CVM", "--step", "3"), "--step beside --against"),
        (("--json", "{own}/no/such"), "Not a directory"),
        (("--graph", "{own}:parts", "--shape", "x=3", "--against", "without:nosuch"), "without:nosuch"),
        (("--graph", "{own}:leaves", "--mode", "none", "--shape", "x=3"), "does not run (SystemExit: 0)"),
        (("--graph", "\x1b]0;owned\x07.py:f"), r"\x1b]0;owned\x07.py"),
        (("--seed", "x"), "seed"),
        (("--graph", "{own}:expression", "--why", "log1p_neg_sigmoi"), "names like it: log1p_neg_sigmoid"),
        (("--against", "CVM", "--why", "local_log1p"), "--why beside --against"),
        (("--why", ""), "why"),
        (("--load", "{own}"), "not JSON"),
        # before the graph is looked at
        (("--graph", "{own}:fails", "--mode", "FASTEST"), "FAST_COMPILE"),
        (("--graph", "{own}:fails", "--against", "FASTEST"), "against"),
        (("--graph", "{own}:fails", "--against", "no/such.json"), "no/such.json"),
        (("--graph", "{own}:fails", "--against", "float32"), "against"),
        (("--graph", "{own}:fails", "--shape", "x=1_0"), "shape"),
        (("--graph", "{own}:fails", "--seed", "-1"), "seed"),
        (("--graph", "{own}:fails", "--json", "/dev/null"), "json"),
        (("--load", "/no/such/file.json"), "/no/such/file.json"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(inspect_forked, own, arguments, named):
    done = inspect_forked(*(argument.format(own=own) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


UNCOMPILED = """
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

class Never(Op):
    __props__ = ()
    def make_node(self, x):
        return Apply(self, [x], [x.type()])
    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0]
    def make_thunk(self, *arguments, **options):
        raise SystemError("it was compiled")

x = pt.dvector("x")
f = Never()(x)
"""


def test_inputs_that_lack_a_shape_are_told_before_anything_is_compiled(inspect_forked, tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(UNCOMPILED)
    assert (
        "it was compiled" in inspect_forked("--graph", f"{own}:f", "--mode", "none", "--shape", "x=3").stderr
    )
    done = inspect_forked("--graph", f"{own}:f", "--mode", "none")
    assert done.returncode == 2
    assert "--shape x=LENGTH" in done.stderr
    assert "--input x=VALUE" in done.stderr


def test_values_are_given_as_a_number_a_file_and_what_code_makes(inspect_forked, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np, pytensor.tensor as pt\n"
        "x, s = pt.dvector('x'), pt.dscalar('s')\nf = (x * s).sum()\n"
        "def make_x(): return np.array([1.0, 2.0])\ndef both(): return {'x': make_x(), 's': 5.0}\n"
    )
    np.save(tmp_path / "x.npy", np.array([3.0, 4.0]))
    mine = f"{tmp_path}/mine.py"
    for options, value in (
        (("--input", f"x={tmp_path}/x.npy", "--input", "s=-2"), "-14"),
        (("--input", f"x={mine}:make_x", "--input", "s=0.5"), "1.5"),
        (("--input", f"{mine}:both"), "15"),
    ):
        done = inspect_forked("--graph", f"{mine}:f", "--mode", "none", "--quick", *options)
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^output 0 +{value} +{value} *$", done.stdout, re.MULTILINE), done.stdout


def test_what_takes_longest_is_shown_last_and_kept_with_the_rest(inspect_forked, own, tmp_path):
    kept = tmp_path / "all.json"
    shapes = ("--shape", "x=3", "--shape", "y=3", "--json", str(kept))
    done = inspect_forked("--graph", f"{own}:expression", "--mode", "FAST_COMPILE", *shapes)
    assert done.returncode == 0, done.stderr
    headings = [line.partition(" ──")[0] for line in done.stdout.splitlines() if " ──" in line]
    assert headings[0] == "Summary"
    assert headings[-2:] == ["What runs in the end", "Which rewrites carry weight"]
    recording = json.loads(kept.read_text())["recording"]
    assert len(recording["counterfactuals"]) >= len(recording["rules"]) > 0


def test_a_file_of_values_with_objects_in_it_is_refused(inspect_forked, own, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    done = inspect_forked("--graph", f"{own}:parts", "--mode", "none", "--input", f"x={tmp_path}/x.npy")
    assert done.returncode == 2
    assert "no real numbers" in done.stderr


def test_an_interrupted_import_ends_as_interrupted(inspect, tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    done = inspect("--graph", f"{path}:f")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "inspect: interrupted.\n"
