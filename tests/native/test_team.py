"""All threads or one, whichever takes less time: by times made up here, for real ones depend on who else computes."""

from __future__ import annotations

import os

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import team as team_module
from graphs.compiled.team import Team, short_waits
from graphs.native import NativeLinker, NativeMode, repeat

IDLE = {1: lambda rng: 90e-6, 2: lambda rng: 30e-6}
# A competitor on each core: one thread has its core half of the time; of two, each waits for the other too.
BUSY = {1: lambda rng: rng.uniform(90e-6, 270e-6), 2: lambda rng: rng.choice([30e-6, 8e-3], p=[0.9, 0.1])}


def steps(team: Team, times, seconds: float, single: bool) -> tuple[float, float]:
    """Steps for so long: what one took in the middle, and the part of them that two threads took."""
    rng, spent, taken, by_two = np.random.default_rng(0), 0.0, 0, 0
    while spent < seconds:
        portion = 1 if single else team.portion(10**6)
        took = sum(times[team.now](rng) for _ in range(portion))
        spent, taken, by_two = spent + took, taken + portion, by_two + portion * (team.now == 2)
        team.took(portion, took)
    return spent / taken, by_two / taken


@pytest.mark.parametrize("single", [True, False])
def test_waiting_costs_at_most_half_as_much_again(single):
    team = Team(2)
    mean, by_two = steps(team, IDLE, 1.0, single)
    assert mean < 34e-6, "trying one thread now and then costs little"
    assert by_two > 0.9
    mean, by_two = steps(team, BUSY, 1.0, single)
    assert mean < 1.5 * 180e-6
    mean, by_two = steps(team, BUSY, 10.0, single)
    assert mean < 1.2 * 180e-6
    steps(team, IDLE, 4.0, single)
    mean, by_two = steps(team, IDLE, 1.0, single)
    assert by_two > 0.9, "the competitor has gone: that is noticed"


def test_long_steps_get_all_threads():
    team = Team(4)
    for _ in range(40):
        assert team.now == 4
        team.took(1, 0.5)
        assert team.portion(100) == 1


def test_portions_are_short_and_never_empty():
    team = Team(2)
    assert team.portion(7) == 1
    team.took(1, 10e-6)
    assert team.portion(7) == 7
    assert 40 < team.portion(1000) < 60
    team.took(1, 100.0)
    assert team.portion(1000) == 1


def test_the_number_changes_between_steps_and_the_bits_do_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(team_module, "LONG", np.inf)
    seen, took, found = [], Team.took, set()
    monkeypatch.setattr(Team, "took", lambda self, *a: (seen.append((self.now, a[0])), took(self, *a))[1])
    x = pt.dmatrix("x")
    for epoch, counts in ((0.0, {1, 2}), (np.inf, {2})):
        monkeypatch.setattr(team_module, "EPOCH", epoch)
        w = pytensor.shared(np.zeros(301), name="w")
        cost = pt.softplus(x @ w).mean()
        update = [(w, w - 0.1 * pt.grad(cost, w))]
        fn = pytensor.function([x], cost, updates=update, mode=NativeMode(NativeLinker(cached=False)))
        seen.clear()
        (costs,) = repeat(fn, 60, [np.random.default_rng(0).normal(size=(1403, 301))])
        assert sum(count for _, count in seen) == 60
        assert {now for now, _ in seen} == counts
        assert len({*costs}) == 60, "every step is one"
        found.add(costs.tobytes() + w.get_value().tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("said", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}])
def test_the_environment_is_as_it_was(monkeypatch, said):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with short_waits():
        found = os.environ.get("GOMP_SPINCOUNT")
        assert found == (said.get("GOMP_SPINCOUNT") if said else team_module.WAITS["GOMP_SPINCOUNT"])
    assert dict(os.environ) == before
