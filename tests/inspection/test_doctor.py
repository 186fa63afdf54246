"""The doctor: known stabilizing rewrites, each tried in this environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from packaging.version import Version
from pytensor.compile.mode import Mode

from graphs.inspection import diagnose
from graphs.inspection.doctor import CASES

REWRITING_ONLY = Mode(linker="py", optimizer="fast_run")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_is_one(case) -> None:  # type: ignore[no-untyped-def]
    """The plain formula, unrewritten, really fails where the doctor tries it."""
    x = pt.vector("x", dtype="float64", shape=(len(case.at),))
    plain = pytensor.function([x], case.formula(x), mode=Mode(linker="py", optimizer=None))
    at = np.array(case.at)
    with np.errstate(all="ignore"):
        assert not np.allclose(plain(at), case.value(at), rtol=1e-9, atol=0)
        assert np.isfinite(case.value(at)).all()


def test_all_fire_in_a_sound_environment() -> None:
    for diagnosis in diagnose(REWRITING_ONLY):
        assert diagnosis.fires, diagnosis
        assert diagnosis.finite
        assert diagnosis.advice == ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_one_of_its_rewrites_a_case_does_not_fire(case) -> None:  # type: ignore[no-untyped-def]
    (whole,) = (found for found in diagnose(REWRITING_ONLY, [case.name]) if found.name == case.name)
    assert whole.rules == case.rules  # both lines of PyTensor have them all
    for rule in whole.rules:
        (found,) = (f for f in diagnose(REWRITING_ONLY.excluding(rule), [case.name]) if f.name == case.name)
        assert not found.fires, rule
        assert f"this mode leaves out {rule}" in found.advice


def test_a_mode_without_them_is_told_apart() -> None:
    found = diagnose("none")
    assert not any(diagnosis.fires for diagnosis in found)
    assert all("this mode leaves out" in diagnosis.advice for diagnosis in found)


def test_a_rule_left_out_is_found() -> None:
    (found,) = diagnose(REWRITING_ONLY.excluding("log1p_neg_sigmoid"), ["log1p(−sigmoid(x))"])
    assert not found.fires
    assert found.finite is False
    assert "-pt.softplus(x)" in found.advice


WITHOUT_PACKAGING = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "packaging" and "pytensor" not in sys.modules:
            pass
        if name.split(".")[0] == "packaging" and hiding:
            raise ModuleNotFoundError("No module named 'packaging'", name=name)
hiding = True
sys.meta_path.insert(0, Hide())
import pytensor.tensor  # as it is in an environment without the package
hiding = False
import graphs.inspection.doctor as doctor
import importlib.util
found_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "packaging" else found_spec(name, *rest)
from pytensor.compile.mode import Mode
for d in doctor.diagnose(Mode(linker="py", optimizer="fast_run")):
    print(d.fires, "|", d.name, "|", d.advice)
"""


@pytest.mark.skipif(Version(pytensor.__version__) >= Version("3.2"), reason="no trap since PyTensor 3.2")
def test_the_trap_is_named_with_its_cure() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGING],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    failing = [line for line in done.stdout.splitlines() if line.startswith("False")]
    assert any("log1p(−sigmoid(x))" in line for line in failing), done.stdout
    assert all("pip install packaging" in line for line in failing)
