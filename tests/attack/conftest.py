"""What every attack shares: a tally of what was tried and what held, shown at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.attacked import RUN
from tests.attack.faults import KILL_AFTER, Contents, Fault, FaultyForks, contents
from tests.attack.tally import Tally

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("attack")
            item.add_marker("once")


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


@pytest.fixture(scope="session")
def warm(faulty: FaultyForks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a cache that holds the libraries of `RUN`."""
    folder = tmp_path_factory.mktemp("warm")
    env = {"GRAPHS_NATIVE_CACHE": str(folder / "cache")}
    done = faulty.run("reproduce", *RUN, "--out", str(folder / "run"), root=folder, env=env)
    assert done.returncode == 0, done.stderr
    return env


@pytest.fixture(scope="session")
def finished(warm: dict[str, str]) -> Contents:
    """The files of a run that has ended well."""
    return contents(Path(warm["GRAPHS_NATIVE_CACHE"]).parent / "run")


@pytest.fixture(scope="session")
def halfway(faulty: FaultyForks, warm: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The files of a run that was killed when it had made a third of its steps."""
    out = tmp_path_factory.mktemp("halfway") / "run"
    command = ("reproduce", *RUN, "--out", str(out))
    operations = faulty.operations(*command, root=out, env=warm)
    shutil.rmtree(out)
    renamed = [o for o in operations if o.what == "rename" and o.where.endswith("checkpoint.npz")]
    faulty.run(*command, root=out, fault=Fault(renamed[1], KILL_AFTER), env=warm)
    return contents(out)
