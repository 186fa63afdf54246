"""SIGKILL at every rename, at what else changes a file, and at random moments.

A kill leaves every file the old one or the new one; the next run ends in the bytes of an undisturbed one, and takes away
what the killed one left, in its own folder, in the temporary one and in the cache. Kills of a whole run at random
moments are in tests/scripts/test_reproduce.py.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.attack.attacked import (
    COMPARE,
    NATIVE,
    RIGHT,
    Attacked,
    comparison_file,
    damaged,
    json_file,
    left,
    native_folder,
    resumable,
)
from tests.attack.faults import Contents, Fault, FaultyForks, Operation, contents, kills, put
from tests.attack.tally import Tally

SEED = 21
CROWD = str(Path(__file__).parent / "native_crowd")


def killing(share: float, times: int) -> Callable[[Sequence[Operation]], Iterator[Fault]]:
    return lambda operations: kills(operations, SEED, min(share * times, 1.0))


def test_a_run(faulty: FaultyForks, warm: dict[str, str], disk: Path, tally: Tally, times: int) -> None:
    resumable(warm).attack(faulty, disk, tally, killing(0.4, times), SEED)


def test_a_run_that_goes_on(
    faulty: FaultyForks, warm: dict[str, str], halfway: Contents, disk: Path, tally: Tally, times: int
) -> None:
    assert any(name.endswith(".npz") for name in halfway)
    resumable(warm, halfway).attack(faulty, disk, tally, killing(0.3, times), SEED)


def test_the_same_run_again_and_again(
    faulty: FaultyForks, warm: dict[str, str], finished: Contents, disk: Path, tally: Tally, times: int
) -> None:
    """One folder, killed at one operation after the other, never put back."""
    out, dice = disk / "run", random.Random(SEED)
    command = ("reproduce", "--resume", "--out", str(out))
    attacked = resumable(warm)
    operations = faulty.operations(*attacked.words(out), root=out, env=warm)
    changing = [fault for fault in kills(operations, SEED, 0.5) if fault.operation.number > 12]
    put(out, {})
    for fault in sorted(
        dice.sample(changing, min(len(changing), 12 * times)), key=lambda f: f.operation.number
    ):
        done = faulty.run(*attacked.words(out), root=out, fault=fault, env=warm)
        problem = "" if done.returncode in (0, -signal.SIGKILL) else done.stderr
        broken = [
            n
            for n in contents(out)
            if not n.endswith(".part") and not attacked.is_whole(n, out / n, finished)
        ]
        tally.case(f"seed {SEED}, {fault}", problem or (f"{broken} are damaged" if broken else ""))
    done = faulty.run(*command, "--quiet", root=out, env=warm)
    tally.case("in the end", attacked.lacking(out, finished) if not done.returncode else done.stderr)


def test_other_commands(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    kept = disk / "kept"
    kept.mkdir()
    path = kept / "a.json"
    made = faulty.run("inspect_graph", "--mode", "FAST_COMPILE", "--quick", "--json", str(path), root=kept)
    assert made.returncode == 0, made.stderr
    recording = {"a.json": path.read_bytes(), "b.json": b'["old"]\n'}
    looking = ("inspect_graph", "--load", "DIR/a.json", "--step", "1", "--json", "DIR/b.json")
    varying = ("compare.json", "compare.txt", "gradients.txt")
    comparing = ("compare", *COMPARE, "--resume", "--out", "DIR")
    for attacked, share in (
        (Attacked(looking, json_file, recording), 1.0),
        (Attacked(comparing, comparison_file, {}, varying), 0.15),
    ):
        attacked.attack(faulty, disk, tally, killing(0.5, times), SEED, share * times)


def after_kill(faulty: FaultyForks, folder: Path, env: dict[str, str]) -> str:
    """What does not hold after a kill, once the next run has ended."""
    again = faulty.run(NATIVE, root=folder, env=env)
    if (again.returncode, again.stdout.strip(), again.stderr) != (0, RIGHT, ""):
        return f"the next run: exit code {again.returncode}, {again.stdout!r}, {again.stderr[-300:]!r}"
    if not (folder / "tmp" / "mine.txt").exists():
        return "a file of somebody else's is gone"
    if broken := damaged(folder / "kept"):
        return f"{broken} in the cache is damaged and stays so"
    return f"the next run leaves {there}" if (there := left(folder)) else ""


def test_the_native_cache(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    folder = disk / "native"
    env = native_folder(folder, {})
    for fault in kills(faulty.operations(NATIVE, root=folder, env=env), SEED, min(0.4 * times, 1.0)):
        env = native_folder(folder, {})
        done = faulty.run(NATIVE, root=folder, fault=fault, env=env)
        problem = after_kill(faulty, folder, env) if done.returncode == -signal.SIGKILL else "not killed"
        tally.case(f"seed {SEED}, {fault}", problem)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have, while they are there."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def test_with_its_compiler(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    """The process alone, or with the compiler that it has started: SIGKILL, and SIGTERM as a shell sends it."""
    folder, dice = disk / "native", random.Random(SEED)
    for number in range(16 * times):
        env, which = native_folder(folder, {}), (signal.SIGKILL, signal.SIGTERM)[number % 3 == 2]
        pause = dice.uniform(0.0, 0.5)
        with faulty.start(NATIVE, env={**env, "LD_PRELOAD": ""}) as process:
            until = time.monotonic() + 20
            while (
                not list((folder / "tmp").glob("*/*"))
                and time.monotonic() < until
                and process.returncode is None
            ):
                try:
                    process.wait(0.005)  # until it has begun to compile
                except subprocess.TimeoutExpired:
                    continue
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                compilers = descendants(process.pid) if number % 2 else []
                for pid in (process.pid, *compilers):
                    try:
                        os.kill(pid, which)
                    except ProcessLookupError:
                        continue
                for _ in range(200):  # a compiler that was left alone comes to its end
                    if not any(Path(f"/proc/{pid}").exists() for pid in compilers):
                        break
                    time.sleep(0.01)
        said = process.stderr if "Traceback" in process.stderr else ""
        case = f"seed {SEED}, number {number}: {which.name} after {pause:.3f} s{' with its compiler' if number % 2 else ''}"
        tally.case(case, said[-300:] or after_kill(faulty, folder, env))


def test_a_crowd_with_a_kill(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    """Six processes with one empty cache, one of them killed: what the others say is right."""
    folder, dice = disk / "native", random.Random(SEED)
    for number in range(3 * times):
        env, pause = native_folder(folder, {}), dice.uniform(0.05, 2.0)
        case = f"seed {SEED}, number {number}, killed after {pause:.3f} s"
        done = faulty.run(CROWD, "6", str(pause), root=folder, env=env, timeout=120)
        said = done.stdout.splitlines()
        tally.case(
            case,
            "" if done.returncode == 0 and len(said) == 6 else f"exit code {done.returncode}: {done.stderr}",
        )
        for answer in said:
            who, _, found = answer.partition(": ")
            tally.case(f"{case}, {who}", "" if found in (RIGHT, "killed") else found)
        tally.case(f"{case}, afterwards", after_kill(faulty, folder, env))
