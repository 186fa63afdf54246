"""What every attack shares: a tally of what was tried and what held, shown at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attack.faults import FaultyForks

HERE = Path(__file__).parent


@dataclass
class Tally:
    """The cases of one attack; those that do not hold fail its test together, at the end."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)

    def case(self, name: str, problem: str = "") -> None:
        """One case was tried; it held where there is no `problem` to tell."""
        self.tried += 1
        if problem:
            self.failures.append(f"{name}: {problem}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("attack")


@pytest.fixture
def times() -> int:
    """How many times as much as usual is tried, where chance decides what."""
    return max(1, int(os.environ.get("GRAPHS_ATTACK", "1")))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts the cases of a test; see :class:`Tally`."""
    kept = Tally()
    yield kept
    held = kept.tried - len(kept.failures)
    request.node.user_properties.append(("attack", (kept.tried, held)))
    assert kept.tried, "nothing was tried"
    assert not kept.failures, f"{len(kept.failures)} of {kept.tried} failed:\n" + "\n".join(
        kept.failures[: int(os.environ.get("GRAPHS_SHOWN", 40))]
    )


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyForks]:
    """Runs of the commands in which file operations fail; without matplotlib, which a run does without."""
    with FaultyForks(tmp_path_factory.mktemp("faulty"), "matplotlib") as forks:
        yield forks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is one: a real disk is waited for at every fsync."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)
