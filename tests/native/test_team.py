"""All threads or one, whichever takes less time: by times made up here, for real ones depend on who else computes."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import team as team_module
from graphs.compiled.compiler import FLAGS, find_compiler
from graphs.compiled.team import Team, short_waits
from graphs.native import NativeLinker, NativeMode, repeat, source_of

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


WITHIN = """
#include "step.c"
#include <stdio.h>
int main(void)
{
    enum { SIZE = 300000 };
    int wrong = 0;
    #pragma omp parallel for num_threads(3) reduction(+:wrong)
    for (int each = 0; each < 3; ++each) {
        int64_t shape[1] = {SIZE}, strides[1] = {8}, want[1];
        double *const x = malloc(8 * SIZE), *const y = malloc(8 * SIZE);
        for (int64_t i = 0; i < SIZE; ++i) x[i] = i + each, y[i] = -1;
        Array entering = {.data = (char *)x, .axes = 1, .shape = shape, .strides = strides, .flags = 0x100};
        Array leaving = entering;
        leaving.data = (char *)y;
        wrong += one_step((Array *[]){&entering}, (Array *[]){&leaving}, (double[1]){0}, want, 1, NULL) != 0;
        for (int64_t i = 0; i < SIZE; ++i) wrong += y[i] != 2 * x[i];
    }
    printf("%d of %d", wrong, 3 * SIZE);
}
"""


def test_a_call_within_a_parallel_loop_of_somebody_elses_goes_through_all_rows(uncached, tmp_path):
    x = pt.dvector("x")
    (tmp_path / "step.c").write_text(source_of(pytensor.function([x], x * 2, mode=uncached)).text)
    (tmp_path / "within.c").write_text(WITHIN)
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]
    command = [*find_compiler().command, *flags, "-fopenmp", str(tmp_path / "within.c"), "-lm"]
    made = subprocess.run(
        [*command, "-o", str(tmp_path / "within")], capture_output=True, text=True, check=False
    )
    if made.returncode and "omp" in made.stderr:
        pytest.skip("a compiler without OpenMP")
    assert made.returncode == 0, made.stderr
    done = subprocess.run([tmp_path / "within"], capture_output=True, text=True, check=True)
    assert done.stdout == "0 of 900000"
