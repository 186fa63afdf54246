"""A PyMC model as it is: who reads the first screen knows the line to change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs.errors import InputError

pymc = pytest.importorskip("pymc")

MODEL = """\
import numpy as np
import pymc as pm
import pytensor.tensor as pt

height = np.array([1.0, 2.0, 0.5])

with pm.Model() as model:
    slope = pm.Normal("slope", 0, 1)
    spread = pm.Normal("spread", -1, 1)
    scale = pt.sqrt(spread)
    y = pm.Normal("y", slope * height, scale, observed=height)

with pm.Model() as bounds:
    w = pm.Uniform("w", 0, 1)
    k = pm.Poisson("k", w - 3.0, observed=[1, 2])

with pm.Model() as sound:
    w = pm.Uniform("w", 0, 1)
    t = pm.Normal("t", w, 2, observed=[0.1, 0.2])

compiled = sound.compile_logp()
"""


@pytest.fixture
def shown(tmp_path: Path):
    (tmp_path / "mine.py").write_text(MODEL)

    def run(name: str, *options: str) -> str:
        command = [sys.executable, "-m", "graphs", "inspect", "--graph", f"mine.py:{name}", "--quick"]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return " ".join(done.stdout.split())

    return run


def test_the_line_of_the_users_own_expression_is_found_through_pymc(shown) -> None:
    text = shown("model", "--mode", "FAST_COMPILE")
    assert "It begins at mine.py:10, scale = pt.sqrt(spread): sqrt(spread" in text
    assert "= -1." in text
    assert 'mine.py:11 y = pm.Normal("y", slope * height, scale, observed=height)' in text
    assert "cannot be negative" in text
    assert "__main__.py" not in text


def test_a_parameter_out_of_bounds_is_told_with_the_distributions_line(shown) -> None:
    text = shown("bounds", "--mode", "FAST_COMPILE")
    assert 'It begins at mine.py:15, k = pm.Poisson("k", w - 3.0, observed=[1, 2])' in text
    assert "(-2.5 ≥ 0)" in text


def test_the_density_is_pymcs_own_and_so_is_its_gradient(tmp_path: Path) -> None:
    from graphs.commands.named_graph import named_graph

    (tmp_path / "mine.py").write_text(MODEL)
    graph = named_graph(f"{tmp_path}/mine.py:sound")
    inspection = graph.inspect("FAST_COMPILE")
    point = {"w_interval__": np.array(0.3)}
    logp, slopes = inspection.function(*point.values())
    namespace: dict[str, Any] = {}
    exec(MODEL, namespace)
    model = namespace["sound"]
    np.testing.assert_allclose(logp, model.compile_logp(mode="FAST_COMPILE")(point), rtol=1e-12)
    np.testing.assert_allclose(slopes, model.compile_dlogp(mode="FAST_COMPILE")(point), rtol=1e-12)


def test_a_compiled_density_is_taken_too(shown) -> None:
    assert "every output is finite" in shown("compiled")


def test_values_can_be_given(shown) -> None:
    text = shown("model", "--mode", "FAST_COMPILE", "--input", "spread=4")
    assert "Computed as written, every output is finite" in text


def test_from_python_a_model_is_inspected_as_it_is() -> None:
    from graphs.inspection import inspect

    namespace: dict[str, Any] = {}
    exec(compile(MODEL, "model.py", "exec"), namespace)
    model = namespace["sound"]
    inspection = inspect(model, mode="FAST_COMPILE")
    assert [spec.name for spec in inspection.recording.outputs] == ["logp", "dlogp"]
    evaluated = inspection.evaluate(dict(model.initial_point())).recording.evaluation
    assert evaluated is not None
    assert evaluated.apart == ""
    compiled = inspect(model.compile_logp(mode="FAST_COMPILE")).evaluate(dict(model.initial_point()))
    assert compiled.recording.matches
    with pytest.raises(InputError, match="outputs, updates or givens beside a model"):
        inspect(model, model.logp())
