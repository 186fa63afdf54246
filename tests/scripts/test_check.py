"""The command that checks gradients, run as its users run it."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest

from tests.conftest import ROOT

OWN = """
import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op


class Halved(Op):
    __props__ = ()

    def make_node(self, x):
        return Apply(self, [pt.as_tensor(x)], [pt.as_tensor(x).type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0] / 2

    def pullback(self, inputs, outputs, gradients):
        return [gradients[0] * 2]

    if not hasattr(Op, "pullback"):
        L_op = pullback


class Leaves(Halved):
    def perform(self, node, inputs, outputs):
        raise SystemExit(0)


x, y = pt.dvectors("xy")
w = pytensor.shared(np.arange(1.0, 4.0), name="w")
cost = pt.mean((pt.tanh(w * x) - y) ** 2)
wrong = pt.mean(Halved()(w * x) ** 2)
kinked = abs(w - 2).sum()
several = [cost, kinked]
parts = ([x, y], [w * x, cost], [(w, w * 0.9)])
f = pytensor.function([x, y], cost, mode="FAST_COMPILE", name="f")
vector = w * x
leaves = Leaves()(w).sum()
number = 3
start = np.array([0.1, 0.2, 0.3])


def make():
    return cost


def fails():
    raise RuntimeError("not today")
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


@pytest.fixture
def check(run_forked):
    def run(*arguments, **kwargs):
        return run_forked("check", *map(str, arguments), "--mode", "FAST_COMPILE", **kwargs)

    return run


def rows(done):
    return {row.split()[0]: row.split() for row in done.stdout.splitlines() if row}


def test_the_classic_by_itself(check):
    done = check("--entries", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No gradient is wrong. The cost is 18.0822.")
    assert rows(done)["w"][-1] == rows(done)["b"][-1] == "right"
    assert "5 of 784" in done.stdout


@pytest.mark.parametrize("name", ["cost", "parts", "f", "make"])
def test_a_graph_of_the_users_own(check, own, name):
    done = check(f"{own}:{name}", "--shape", "x=3", "--shape", "y=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done)["w"][-1] == "right"
    assert "x" not in rows(done)  # the shared ones, where there are any


def test_a_wrong_gradient_is_pointed_at(check, own):
    done = check(f"{own}:wrong", "--shape", "x=3", "--wrt", "w", "--wrt", "x")
    assert (done.returncode, done.stderr) == (1, "")
    assert rows(done)["w"][-1] == rows(done)["x"][-1] == "wrong"
    assert "A gradient is wrong." in done.stdout
    lines = OWN.splitlines()
    assert (
        f"{own}:{lines.index('wrong = pt.mean(Halved()(w * x) ** 2)') + 1}  wrong = pt.mean(" in done.stdout
    )
    assert (
        f"written at {own}:{lines.index('    def pullback(self, inputs, outputs, gradients):') + 1}"
        in done.stdout
    )
    assert ": 4 times as much." in done.stdout


def test_the_readme_shows_what_is_printed(check, own):
    done = check(f"{own}:wrong", "--shape", "x=3", "--wrt", "w")
    readme = (ROOT / "README.md").read_text()
    (shown,) = re.findall(
        r"<!-- output of: graphs check [^\n]* -->\n```text\n(.*?)^```$", readme, re.M | re.S
    )
    assert done.stdout.replace(f"{own.parent}/", "").split() == shown.split()


def test_a_kink_is_no_fault(check, own):
    done = check(f"{own}:kinked")
    assert (done.returncode, done.stderr) == (0, "")
    assert "w[1]: a kink, made by Abs" in done.stdout


def test_values_are_given(check, own, tmp_path):
    np.save(tmp_path / "x.npy", np.array([0.5, 1.0, -2.0]))
    given = ("--input", f"x={tmp_path / 'x.npy'}", "--input", f"y={own}:start", "--input", f"w={own}:start")
    done = check(f"{own}:cost", *given, "--wrt", "x")
    assert (done.returncode, done.stderr) == (0, "")
    cost = np.mean((np.tanh([0.05, 0.2, -0.6]) - [0.1, 0.2, 0.3]) ** 2)
    assert f"The cost is {cost:.6g}." in done.stdout
    assert rows(done)["x"][-1] == "right"


@pytest.mark.skipif(importlib.util.find_spec("pymc") is None, reason="PyMC is not installed")
def test_a_model(check, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(
        "import pymc as pm\n"
        "with pm.Model() as model:\n"
        "    scale = pm.HalfNormal('scale')\n"
        "    pm.Normal('y', pm.Normal('mean'), scale, observed=[0.1, 0.5, -0.3])\n"
    )
    done = check(f"{path}:model")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done)["mean"][-1] == rows(done)["scale_log__"][-1] == "right"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch.py:cost",), "graph: found no file nosuch.py"),
        (("{own}:nosuch",), "graph: found no nosuch in"),
        (("{own}:number",), "graph: found number in"),
        (("{own}:fails",), "RuntimeError: not today"),
        (("{own}:several",), "with 2 scalars of floats among its 2 outputs"),
        (("{own}:vector",), "with 0 scalars of floats among its 1 outputs"),
        (("{own}:leaves",), "which does not run (SystemExit: 0)"),
        (("{own}:cost",), "shape: found (None,) for y"),
        (("{own}:cost", "--shape", "x=3", "--shape", "y=4"), "cost: found a cost that cannot be computed"),
        (("{own}:cost", "--shape", "y=3", "--shape", "x=3,3"), "shape: found (3, 3) for x"),
        (("{own}:cost", "--shape", "x"), "shape: found 'x'"),
        (("{own}:cost", "--shape", "z=3"), "shape: found no input of that name for z"),
        (("{own}:cost", "--input", "w=nan", "--input", "z=3"), "input: found no input of that name for z"),
        (("{own}:kinked", "--input", "w=3"), "values['w']: found int"),
        (("{own}:kinked", "--wrt", "v"), "wrt: found 'v'; allowed: w."),
        (("{own}:kinked", "--entries", "0"), "entries: found 0"),
        (("{own}:kinked", "--seed", "x"), "seed: found 'x'"),
        (("--shape", "x=3"), "shape: found --shape for the logistic cost"),
        (("--input", "x=3"), "input: found --input for the logistic cost"),
        (("--nosuch",), "what graphs check --help tells"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(check, own, arguments, said):
    done = check(*(argument.format(own=own) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert said in sentence


def test_no_such_mode(run_forked):
    done = run_forked("check", "--mode", "FASTEST")
    assert done.returncode == 2
    assert "mode: found 'FASTEST'" in done.stderr
