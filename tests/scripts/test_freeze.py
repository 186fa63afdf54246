"""The command that freezes, run as its users run it."""

from __future__ import annotations

import pytest

import graphs

MINE = """
import numpy as np, pytensor, pytensor.tensor as pt
v = pt.dvector("v")
s = pytensor.shared(np.zeros(3), name="s")
f = pytensor.function([v], v + s, updates=[(s, s + v)], mode="NATIVE")
both = {"add": f, "read": pytensor.function([], s, mode="NATIVE")}
graph = ([v], [v * 2])
class Own(pytensor.graph.Op):
    __props__ = ()
    itypes, otypes = (pt.dvector,), (pt.dvector,)
    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0] + 1
python = pytensor.function([v], pt.exp(Own()(v)) + 1, mode="NATIVE")
number = 3
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path / 'mine.py'}"


def test_the_classic_and_graphs_of_one_s_own(run_forked, tmp_path, mine, original):
    done = run_forked("freeze", "--out", str(tmp_path / "classic"))
    assert done.returncode == 0, done.stderr
    kept = f"sharing w float64[784], b float64[]; kept in {tmp_path / 'classic'}"
    assert done.stdout.splitlines() == ["train(x, y)", "predict(x)", "evaluate(x, y)", kept]
    frozen = graphs.frozen.load(tmp_path / "classic")
    graphs.fit(frozen, original.x, original.y, steps=292)
    assert (frozen.predict(original.x) == original.y).all()
    for name, said in (("f", "f(v)"), ("both", "add(v)\nread()"), ("graph", "graph(v)")):
        done = run_forked("freeze", f"{mine}:{name}", "--out", str(tmp_path / "own"))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{said}\nsharing ")
    assert graphs.frozen.load(tmp_path / "own").graph([2.0])[0] == [4.0]


@pytest.mark.parametrize(
    ("name", "out", "said"),
    [
        ("logistic", None, "out: found nothing; allowed: --out DIR"),
        ("logistic", "{here}/mine.py", "folder: found"),
        ("logistic", "{here}", "in which something else stands"),
        ("{mine}:python", "{here}/new", "Own"),
        ("{mine}:number", "{here}/new", "graph: found number in"),
        ("{mine}:nothing", "{here}/new", "graph: found no nothing in"),
        ("nosuch", "{here}/new", "graph: found 'nosuch'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(run_forked, tmp_path, mine, name, out, said):
    arguments = [name.format(mine=mine)] + (["--out", out.format(here=tmp_path)] if out else [])
    done = run_forked("freeze", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    sentence = done.stderr.splitlines()[-1]
    assert said in sentence
    assert sentence.startswith("freeze: ")
    assert not (tmp_path / "new").exists()
