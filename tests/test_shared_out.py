"""Tests shared out among interpreters (.ci/run): of what is marked so each is run by one of them, all others by each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.conftest import shared_out


def made(kind: str, **markers: pytest.Mark) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(nodeid=f"tests/test_{kind}.py::test_{k}", get_closest_marker=markers.get)
        for k in range(100)
    ]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_what_is_shared_out_is_run_once_and_all_else_by_each(parts: int) -> None:
    long, once = pytest.mark.long.mark, pytest.mark.once.mark
    shared = [*made("long", long=long), *made("once", once=once), *made("both", long=long, once=once)]
    everywhere = pytest.mark.long(everywhere=True).mark
    others = [*made("quick"), *made("everywhere", long=everywhere)]
    ran = [shared_out([*shared, *others], f"{k}/{parts}") for k in range(1, parts + 1)]
    for here, elsewhere in ran:
        assert [test for test in here if test not in shared] == others
        assert [test for test in shared if test not in here] == elsewhere
        assert len(here) > len(others)
    once_each = [test.nodeid for here, _ in ran for test in here if test in shared]
    assert sorted(once_each) == sorted(test.nodeid for test in shared)
