"""Frameworks that another Python holds: Theano and Aesara cannot be installed beside NumPy 2.

``GRAPHS_AESARA_PYTHON`` and ``GRAPHS_THEANO_PYTHON`` name interpreters that hold them; the README of
graphs/peers tells how to make them.
"""

from __future__ import annotations

import ast
import os
import platform
import stat
import sys

import pytest

import graphs
from graphs.peers import missing
from graphs.peers.compare import Plan, compare
from tests.conftest import ROOT

#: What is known of each: inf, nan of the 400 xent at the first call, and the last call with any.
KNOWN = {"aesara": (15, 16, 314), "theano": (46, 55, 642)}


@pytest.mark.parametrize("name", KNOWN)
def test_theano_and_aesara_give_their_figures(name, original):
    variable = f"GRAPHS_{name.upper()}_PYTHON"
    python = os.environ.get(variable, "" if missing(name) else sys.executable)
    if not python:
        pytest.skip(f"{name} not installed; {variable} may name a Python that holds it")
    plan = Plan(runs=(name,), steps=700, rounds=1, warm_starts=0, interpreters={name: python})
    record = compare(original, plan)
    textbook, logits = record.runs
    assert (textbook.status, logits.status) == ("finished", "finished")
    (xent,) = textbook.broke  # the weights stay finite
    assert (xent.inf, xent.nan, xent.last_step) == KNOWN[name]
    assert logits.finite
    exact = name != "theano"  # its sigmoid and softplus end early, and the record says so
    for run in (textbook, logits):
        assert run.agreement.relative < (1e-14 if exact else 1e-8)
        assert run.per_step.ops > 5
        assert "dot" in run.gradient["graph of gw and gb"].lower()
    assert exact or any("above 19" in line for line in record.verdicts)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the other Python")
def test_the_named_python_is_the_one_that_runs_it(tmp_path):
    log, python = tmp_path / "log", tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho used >>"{log}"\nexec "{sys.executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    plan = Plan(
        runs=("numpy",),
        formulas=("logits",),
        steps=3,
        rounds=1,
        warm_starts=1,
        interpreters={"numpy": str(python)},
    )
    (run,) = compare(graphs.load(samples=10, features=3), plan).runs
    assert run.status == "finished"
    assert run.python == platform.python_version()
    assert log.read_text().split() == ["used"] * 4  # asked for the framework, cold, warm, and trained


def test_what_runs_in_old_pythons_needs_numpy_and_nothing_else():
    """The syntax of Python 3.8, the standard library, and files of this package of which the same is true."""
    names = ("foreign", "errors", "memory", "peers.contract", "peers.in_theano", "peers.worker")
    files = {f"graphs.{name}" for name in names}
    for file in files:
        source = (ROOT / file.replace(".", "/")).with_suffix(".py").read_text()
        for node in ast.walk(ast.parse(source, feature_version=(3, 8))):
            if isinstance(node, ast.ImportFrom):
                imported = {node.module}
            else:
                imported = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            tops = {name if name in files else name.partition(".")[0] for name in imported}
            assert tops <= {*sys.stdlib_module_names, "numpy", *files}, file
