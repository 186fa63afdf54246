"""What several tests share: the original's data and functions compiled once per mode, and runs of the commands.

``scripts/run test`` runs the tests side by side (pytest-xdist), one process for each core. The tests of a
file stay together in one of them, with what the file's fixtures have compiled or measured.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import graphs
from tests.forked import Forks, Run

ROOT = Path(__file__).parents[1]

# A shell that starts this in the background tells it to ignore Ctrl-C, and what it starts would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("graphs", deadline=None, print_blob=True)
hypothesis.settings.load_profile("graphs")


def stays_with(test: str) -> str:
    """What a test shares its process with, side by side: a name that those tests have in common."""
    file, _, name = test.partition("::")
    if file.startswith(("tests/attack/", "tests/commands/", "tests/scripts/")):
        return test  # starts processes of its own
    if file.startswith("tests/inspection/page/"):
        return test  # minutes of browser work, and what they share is compiled in seconds
    train = re.search(r"\b(NUMBA|CVM)\b", name)
    if file.startswith("tests/inspection/") and train:
        return train[0]  # the room's train function in that mode, inspected once for all files
    if file.startswith("tests/inspection/show/"):
        return "tests/inspection/show"  # one examined graph
    return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute as `stays_with` says, where no other --dist is asked for.

    Not by pytest-xdist's groups, which write into the tests' names: pytest 9.2 does not see them there.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return stays_with(nodeid)

    return Together(config, log)


def shared_out(tests: list[pytest.Item], part: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those to run and those to leave to others: ``K/N`` is the K-th of N parts, in any order.

    Shared out is what is marked ``once`` or ``long``, but for ``long(everywhere=True)``.
    """
    number, _, parts = part.partition("/")
    found: tuple[list[pytest.Item], list[pytest.Item]] = [], []
    for test in tests:
        long = test.get_closest_marker("long")
        shared = not long.kwargs.get("everywhere") if long else test.get_closest_marker("once") is not None
        others = shared and zlib.crc32(test.nodeid.encode()) % int(parts) != int(number) - 1
        found[others].append(test)
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``GRAPHS_PART=1/2``: of what is shared out, the other half is run elsewhere (.ci/run, on the other interpreter)."""
    if part := os.environ.get("GRAPHS_PART"):
        items[:], others = shared_out(items, part)
        config.hook.pytest_deselected(items=others)


@functools.cache
def dataset(seed: int = 0) -> graphs.Dataset:
    """The original's data."""
    return graphs.load(seed=seed)


@functools.cache
def functions(mode: str = "FAST_COMPILE", formula: str = "textbook") -> graphs.Functions:
    """The original's functions; compiled once per mode, for compiling is most of the suite's time."""
    graph = graphs.logistic_graph(dataset().initial_w, formula=formula)
    return graphs.compile_functions(graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b]), mode)


@pytest.fixture
def original() -> graphs.Dataset:
    """The original's data, seed 0."""
    return dataset()


@pytest.fixture
def compiled() -> Callable[..., graphs.Functions]:
    """``compiled(mode, formula, seed)``: the original's functions at their initial parameters."""

    def at_start(mode: str = "FAST_COMPILE", formula: str = "textbook", seed: int = 0) -> graphs.Functions:
        result = functions(mode, formula)
        result.graph.w.set_value(dataset(seed).initial_w)
        result.graph.b.set_value(dataset(seed).initial_b)
        return result

    return at_start


@pytest.fixture
def run_script() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``run_script("reproduce", "--seed", "1")`` runs a script as a user does, in its own process."""

    def run(name: str, *arguments: str, env: dict[str, str] | None = None, **kwargs: object):
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *arguments],
            env={**os.environ, **(env or {})},
            text=True,
            capture_output=True,
            timeout=300,
            **kwargs,
        )

    return run


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """A process that has imported the commands, and forks."""
    with Forks(tmp_path_factory.mktemp("forked")) as begun:
        yield begun


@pytest.fixture
def run_forked(forks: Forks) -> Callable[..., Run]:
    """``run_forked("reproduce", "--seed", "1")``: as `run_script`, in a process that need not import first."""

    def run(name: str, *arguments: str, **kwargs: object) -> Run:
        with forks.start(name, *arguments, **kwargs) as begun:
            try:
                begun.wait(300)
            finally:
                begun.kill()  # where it has not ended
        return begun

    return run


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``run_python("-c", code)`` runs an interpreter of its own, which must end well."""

    def run(*arguments: str):
        return subprocess.run(
            [sys.executable, *arguments], text=True, capture_output=True, timeout=300, check=True, cwd=ROOT
        )

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the attack (tests/attack) has tried, and how much of it held."""
    rows = [
        (report.nodeid.partition("::")[2], *counted)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, counted in report.user_properties
        if name == "attack"
    ]
    if rows:
        terminalreporter.section("attack: tried, held")
        for test, tried, held in sorted(rows):
            terminalreporter.write_line(f"{tried:7,} {held:7,}  {test}{'' if tried == held else '   FAILED'}")
        tried, held = (sum(row[k] for row in rows) for k in (1, 2))
        terminalreporter.write_line(f"{tried:7,} {held:7,}  in all")
