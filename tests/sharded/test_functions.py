"""Sharded functions keep the contract of the ordinary ones, on meshes that nothing divides by."""

from __future__ import annotations

import numpy as np
import pytest

from tests.figures import EXACT
from tests.sharded.conftest import on_devices


@pytest.mark.long
def test_training_comes_to_the_same_on_every_mesh():
    for name, found in on_devices("agreement").items():
        assert found["state"] < 1e-12, name
        assert found["history"] < 1e-12, name
        assert found["counters"] == [True] * 3, name


def test_the_contract_call_by_call():
    found = on_devices("contract")
    for name, pairs in found["pairs"].items():
        assert pairs, name
        assert pairs == [[True] * 3] * len(pairs), name
    assert found["donated"]  # the state of before a step is gone: its memory holds the next
    assert found["written"] == 7
    assert [text.partition(":")[0] for text in found["problems"]] == ["state['b']", "state['w']"]
    assert found["devices"] == [0, 1, 2, 3]
    assert found["rows"] == [13, 16]
    assert (found["mode"], found["logarithms"], found["initial"]) == ("JAX", False, True)
    assert found["linker"] == "JAXLinker, sharded by XLA over 4 devices"


def test_history_batches_divergence_and_going_on_on_another_mesh():
    found = on_devices("going_on")
    assert found["stopped at"] == [0, 20, 20]
    assert found["resumed"] < 1e-12
    assert found["history"] < 1e-12
    assert found["batches"] < 1e-12
    plain, sharded = found["diverged"]
    assert plain == sharded
    assert plain[0] < 40


def test_rows_come_from_files_part_by_part(tmp_path):
    found = on_devices("shards", str(tmp_path))
    assert "row 22" in found.pop("not finite")
    assert len(found) == 4
    assert max(found.values()) < 1e-12


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("features", "6 features for 4 parts"),
        ("devices", "9 devices, where JAX has 8"),
        ("mesh", "found 'many'"),
        ("axes", "the axes rows"),
        ("no rule", "cannot be padded (ArgSort"),
        ("x", "shape (10, 5)"),
        ("y", "allowed: 0 and 1"),
        ("n", "n: found 0"),
        ("softmax", "which cannot compile this graph"),
    ],
)
def test_bad_input(name, says):
    assert says in on_devices("refusals")[name]


@pytest.mark.long
def test_the_classic_on_1_2_4_and_8_devices():
    for devices, found in on_devices("classic", "10000").items():
        assert found["state"] < 1e-12, devices
        assert found["history"] < 1e-12, devices
        assert found["first_perfect_call"] == EXACT[0]["first_perfect_call"]
        np.testing.assert_allclose(found["b"], EXACT[0]["b"], rtol=1e-12)
        np.testing.assert_allclose(found["cost"], EXACT[0]["cost"], rtol=1e-12)
