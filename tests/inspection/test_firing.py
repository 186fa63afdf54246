"""Rewrite, version, mode: made by a run, kept, and laid beside another's."""

from __future__ import annotations

import json

import msgspec
import pytensor
import pytest
from packaging.version import Version

from graphs.errors import InputError
from graphs.inspection import diagnose
from graphs.inspection.firing import FINITE, FIRES, NOT_FINITE, Firing, keep, kept, try_modes, usual_modes
from graphs.inspection.show.firing import firing_view
from graphs.terminal import as_text


@pytest.fixture(scope="module")
def found() -> Firing:
    return try_modes(["cvm", "FAST_COMPILE", "none"])


def test_a_cell_says_what_the_doctor_says(found: Firing) -> None:
    assert found.modes == ("CVM", "FAST_COMPILE", "none")
    assert found.pytensor == pytensor.__version__
    for column, mode in enumerate(found.modes):
        for row, told in zip(found.rows, diagnose(mode), strict=True):
            expected = FIRES if told.fires else FINITE if told.finite else NOT_FINITE
            assert (row.name, row.cells[column]) == (told.name, expected)
    assert {row.cells[0] for row in found.rows} == {FIRES}
    assert {cell for row in found.rows for cell in row.cells} == {FIRES, FINITE, NOT_FINITE}


def test_fast_compile_stabilizes_the_look_alikes_of_scipys_functions_from_3_2_on(found: Firing) -> None:
    cells = {row.name: row.cells[1] for row in found.rows}
    since = FIRES if Version(pytensor.__version__) >= Version("3.2") else NOT_FINITE
    assert cells["log(Σ exp(x)) → log-sum-exp with the largest taken out"] == since
    assert cells["exp(x) / Σ exp(x) → softmax(x)"] == since
    assert cells["log1p(−sigmoid(x)) → −softplus(x)"] == NOT_FINITE


def test_kept_and_read_back_equal(found: Firing, tmp_path) -> None:  # type: ignore[no-untyped-def]
    keep(found, tmp_path / "table.json")
    assert kept(tmp_path / "table.json") == found


def test_another_version_stands_beside_with_what_only_it_has(found: Firing) -> None:
    more = msgspec.structs.replace(found.rows[0], name="f(\x1b[31mx)")
    other = msgspec.structs.replace(found, pytensor="9.9.9", rows=(*found.rows[1:], more))
    text = as_text(firing_view([found, other]), 160)
    head, modes, first, *rows = text.splitlines()[1:]
    assert text.startswith(f"PyTensor {pytensor.__version__} on Python")
    assert head.split() == [pytensor.__version__, "9.9.9"]
    assert modes.split() == ["rewrite", *found.modes, *found.modes]
    assert first.split()[-3:] == ["–"] * 3  # the other lacks the first
    (last,) = [row for row in rows if row.startswith("f(")]
    assert last.split()[-6:-3] == ["–"] * 3
    assert "\x1b" not in text


def test_the_usual_modes_can_be_used() -> None:
    assert {"NUMBA", "CVM", "FAST_COMPILE", "NATIVE"} <= set(usual_modes())


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="FASTEST"):
        try_modes(["FASTEST"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: {},
        lambda document: document | {"format": "graphs recording"},
        lambda document: document | {"version": 2},
        lambda document: document | {"more": 1},
        lambda document: document | {"modes": ["CVM"]},
        lambda document: document | {"modes": ["CVM", "CVM", "none"]},
        lambda document: document | {"rows": document["rows"] * 2},
        lambda document: document | {"rows": [document["rows"][0] | {"cells": ["fires", "fires", "maybe"]}]},
        lambda document: document | {"pytensor": "3" * 1000},
        lambda document: [],
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(found: Firing, tmp_path, damage) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(damage(msgspec.to_builtins(found))))
    with pytest.raises(InputError, match="what graphs doctor --json keeps"):
        kept(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"damaged\.json"):
        kept(path)
    with pytest.raises(InputError):
        kept(tmp_path / "none.json")
