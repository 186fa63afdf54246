"""Every lesson shows what it says."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

from graphs import lessons
from graphs.lessons import hours, mistakes, numbers, plane, python, slopes
from graphs.lessons.table import lesson_table
from graphs.peers import PEERS, missing
from graphs.terminal import as_text

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

TITLES = {name: peer.title for name, peer in PEERS.items()}
HAS = {package: not missing(package) for package in ("autograd", "torch", "jax")}


def test_python_runs_in_every_call_or_once():
    prints = {who: row["prints"] for who, row in python.when_python_runs(calls=4).items()}
    expected = {"NumPy by hand": 4, "PyTensor default": 1}
    if HAS["autograd"]:
        expected |= {"Autograd": 4}
    if HAS["torch"]:
        expected |= {"PyTorch eager": 4, "torch.compile": 4}
    if HAS["jax"]:
        expected |= {"JAX op by op": 4, "JAX jit": 1}
    assert prints == expected


def test_a_new_shape_is_a_new_program_for_some():
    rows = {who: list(row.values()) for who, row in python.retracing().items()}
    assert rows["PyTensor default"] == [1, 1, 1, 1, 1]
    if HAS["jax"]:
        assert rows["JAX jit"][:4] == [1, 1, 2, 3]
    if HAS["torch"]:
        assert rows["torch.compile"] == [1, 1, 2, 2, 3]


def test_an_if_needs_a_number():
    rows = {who: row["outcome"] for who, row in python.python_if().items()}
    assert rows["NumPy by hand"] == "runs"
    assert rows["PyTensor default"] == "TypeError"
    if HAS["jax"]:
        assert rows["JAX op by op"] == "runs"
        assert rows["JAX jit"] == "TracerBoolConversionError"
    if HAS["torch"]:
        assert rows["torch.compile"] == "runs"
        assert python.python_if()["torch.compile"]["graphs"] > 1


def test_far_logits_overflow_where_the_formula_is_computed_as_written():
    names = ["numpy", "autograd", "torch", "jax-jit", "pytensor-none", "pytensor-fast-compile", "pytensor"]
    rows = numbers.extreme_logits(runs=names)
    assert set(rows) == {TITLES[name] for name in names if not missing(name)}
    for who, row in rows.items():
        values = [row[logit] for logit in ("40", "-40", "800", "-800")]
        if who == "PyTensor default":
            assert values == pytest.approx([40, 40, 800, 800], rel=1e-15)
            assert row["gradient"] == "finite"
        else:
            assert values == [np.inf, 40, np.inf, np.inf]
            assert (row["gradient"] == "finite") == (who == "NumPy by hand")


def test_far_logits_are_exact_from_the_logits():
    for row in numbers.extreme_logits(
        "logits", ["numpy", "autograd", "torch", "jax-jit", "pytensor"]
    ).values():
        assert [row[logit] for logit in ("40", "-40", "800", "-800")] == pytest.approx(
            [40, 40, 800, 800], rel=1e-15
        )
        assert row["gradient"] == "finite"


def test_a_rewrite_switched_off_brings_inf_back():
    rows = numbers.without_rewrites()
    found = {name: (row["inf"], row["nan"], row["weights NaN"]) for name, row in rows.items()}
    assert found["nothing off"] == found["local_log1p"] == (0, 0, 0)
    for link in ("local_mul_specialize", "local_exp_over_1_plus_exp", "log1p_neg_sigmoid", "stabilize"):
        assert found[link] == (15, 16, 0)
    assert found["local_add_canonizer"] == (0, 0, 784)
    assert found["local_exp_over_1_plus_exp + local_greedy_distributor"] == (15, 16, 784)


def test_functions_that_take_logits_are_exact_and_two_of_pytorchs_are_not():
    rows = {who: row["largest relative error"] for who, row in numbers.accuracy().items()}
    if HAS["torch"]:
        assert 1e-12 < rows.pop("torch softplus(-z)") < 1e-9
        assert rows.pop("torch binary_cross_entropy of sigmoid(z)") == 1
    assert max(rows.values()) < 1e-12


def test_an_unsigned_label_is_silently_wrong_where_it_is_used_as_it_comes(run_script):
    right = np.log1p(np.exp(-2))
    # In a process of its own: one in which JAX was set to float64 before would hide that nobody does.
    rows = json.loads(run_script("lesson", "labels", "--json").stdout)["labels"]
    assert all(row["int64"] == pytest.approx(right, rel=1e-12) for row in rows.values())
    assert rows["NumPy"]["uint8"] == pytest.approx(-255 * right, rel=1e-12)
    assert rows["PyTensor"]["uint8"] == pytest.approx(right, rel=1e-12)


def test_a_wrong_shape_is_refused_by_all():
    for row in mistakes.wrong_shape().values():
        assert row["when"] == "calling"
        assert row["outcome"] in {"ValueError", "TypeError", "RuntimeError"}
        assert row["said"]


def test_a_missing_input_is_found_while_compiling_or_at_the_call():
    rows = mistakes.missing_input()
    assert rows["NumPy by hand"]["outcome"] == "TypeError"
    assert rows["PyTensor"] | {"said": ""} == {
        "when": "compiling",
        "outcome": "MissingInputError",
        "said": "",
    }
    assert "(y)" in rows["PyTensor"]["said"]


def test_an_optimizer_runs_eager_as_it_should():
    rows = numbers.compiled_optimizer()
    assert bool(rows) == HAS["torch"]
    for who, row in rows.items():
        if "eager" in who or "no dimensions" not in who:  # what a compiled one does there is the lesson
            assert row["is"] == pytest.approx(row["should be"])


def test_the_other_texts_experiments_agree_with_their_graphs():
    for lesson in (plane.noisy_plane, hours.exam, slopes.tanh_and_four_rows):
        rows = lesson("FAST_COMPILE")
        for who, row in rows.items():
            graph = rows.get("PyTensor") or rows[who.replace("PyTorch", "PyTensor")]
            assert list(row.values()) == pytest.approx(list(graph.values()), rel=1e-12)


def test_every_lesson_explains_itself():
    for name, summary in lessons.LESSONS.summaries().items():
        explained = inspect.getdoc(lessons.lesson(name))
        assert explained.splitlines()[0] == summary
        assert "Returns" in explained


def test_a_lesson_without_its_framework_says_so():
    assert "not installed" in as_text(lesson_table("optimizer", "explained", {}))
