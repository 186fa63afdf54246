"""The long tests shared out among interpreters (.ci/run): each is run by one of them, what is marked so by all."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.conftest import shared_out


def made(kind: str, marker: pytest.Mark | None) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(nodeid=f"tests/test_{kind}.py::test_{k}", get_closest_marker={"long": marker}.get)
        for k in range(100)
    ]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_long_test_is_run_once_and_all_others_by_each(parts: int) -> None:
    long = made("long", pytest.mark.long.mark)
    others = [*made("quick", None), *made("everywhere", pytest.mark.long(everywhere=True).mark)]
    ran = [shared_out([*long, *others], f"{k}/{parts}") for k in range(1, parts + 1)]
    for here, elsewhere in ran:
        assert [test for test in here if test not in long] == others
        assert [test for test in long if test not in here] == elsewhere
        assert len(here) > len(others)
    assert sorted(test.nodeid for here, _ in ran for test in here if test in long) == sorted(
        test.nodeid for test in long
    )
