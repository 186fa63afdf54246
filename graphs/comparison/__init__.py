"""The same experiment in every framework, side by side → one record, as plain data.

`compare` starts each framework in a process of its own, so that one that is missing, crashes or
hangs is a line of the record and nothing more.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from graphs import frameworks
from graphs.comparison.processes import Failure, Process, environment, first_result, write_data
from graphs.comparison.reference import Reference
from graphs.comparison.verdicts import add_break_even, verdicts
from graphs.data import Dataset, load
from graphs.environment import stamp
from graphs.errors import InputError, choose
from graphs.timing import Timing

__all__ = ["compare"]

WATCHED_STEPS = 1000
"""Steps after which only every `CHUNK`-th is looked at: what breaks, breaks early."""
CHUNK = 250

Tell = Callable[[str], object]


def compare(
    data: Dataset,
    *,
    runs: Iterable[str] | None = None,
    formulas: Iterable[str] = frameworks.FORMULAS,
    steps: int = 10_000,
    rounds: int = 9,
    threads: int = 1,
    warm_starts: int = 3,
    sizes: Sequence[tuple[int, int]] = (),
    timeout: float = 300.0,
    tell: Tell = lambda what: None,
) -> dict[str, Any]:
    """Run one experiment in several frameworks and record how they differ.

    Parameters
    ----------
    data : Dataset
        What all start from.
    runs : iterable of str, optional
        Keys of `graphs.frameworks.RUNS`; default: all, the missing ones listed as missing.
    formulas : iterable of {"textbook", "logits", "softplus"}
        ``softplus`` is PyTorch's alone.
    steps : int
        Steps before w and b are compared with the reference.
    rounds : int
        Samples of the steady state; one of each framework per round, in turn.
    threads : int
        For every framework alike.
    warm_starts : int
        Fresh processes that find the caches filled; the median counts. 0 leaves out all times
        to first result, the cold one included.
    sizes : sequence of (samples, features)
        Other sizes for the steady state; data of the kind `random`, in the dtype of `data`.
    timeout : float
        Seconds that one request to a framework may take.
    tell : callable
        Is called with a line on what begins.

    Returns
    -------
    dict
        Plain data, ready for JSON. ``kind``, ``version``, ``stamp``, ``settings``, ``data``,
        ``reference``, ``runs`` (a list; see README), ``sweep``, ``verdicts``.

    Raises
    ------
    InputError
        If an argument is not one of the above, before anything is started.
    """
    names = list(frameworks.RUNS) if runs is None else [choose("framework", n, frameworks.RUNS) for n in runs]
    every_formula = ("textbook", "logits", "softplus")
    chosen = [choose("formula", formula, every_formula) for formula in formulas]
    for name, value, least in (
        ("steps", steps, 1),
        ("rounds", rounds, 1),
        ("threads", threads, 1),
        ("warm_starts", warm_starts, 0),
    ):
        if not isinstance(value, int) or value < least:
            raise InputError(name, found=repr(value), allowed=f"a whole number ≥ {least}")
    if not 0 < timeout < math.inf:
        raise InputError("timeout", found=repr(timeout), allowed="seconds, above 0")
    others = [load(samples=n, features=f, dtype=str(data.x.dtype)) for n, f in sizes]
    if not names or not chosen:
        raise InputError("frameworks" if not names else "formulas", found="none", allowed="at least one")

    reference = Reference(data)
    tell(f"reference: {steps} steps in {reference.dtype}")
    reference.advance(steps)
    records: list[dict[str, Any]] = []
    sweep: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="graphs-compare-") as folder:
        room = _Room(Path(folder), threads, timeout, tell)
        for formula in chosen:
            group = [_record(name, formula) for name in names if formula in frameworks.RUNS[name].formulas]
            records += group
            present = [record for record in group if record["status"] == "finished"]
            if warm_starts:
                for record in present:
                    room.start_fresh(record, data, warm_starts)
            with_processes = room.open(present, data)
            try:
                room.watch(with_processes, steps, reference)
                room.steady_state(with_processes, rounds)
                room.describe(with_processes)
                if formula == chosen[-1]:
                    sweep = [room.other_size(with_processes, other, rounds) for other in others]
            finally:
                for process in with_processes.values():
                    process.close()
    add_break_even(records)
    return {
        "kind": "comparison",
        "version": 1,
        "stamp": stamp(),
        "settings": {
            "steps": steps,
            "rounds": rounds,
            "threads": threads,
            "warm_starts": warm_starts,
            "timeout": timeout,
            "learning_rate": 0.1,
            "weight_decay": 0.01,
        },
        "data": {
            "name": data.name,
            "source": data.source,
            "samples": len(data.x),
            "features": data.x.shape[1],
            "dtype": str(data.x.dtype),
        },
        "reference": {"dtype": reference.dtype, "b": float(reference.parameters()[-1])},
        "runs": records,
        "sweep": sweep,
        "verdicts": verdicts(records, sweep),
    }


def _record(name: str, formula: str) -> dict[str, Any]:
    run = frameworks.RUNS[name]
    lacking = frameworks.missing(name)
    record: dict[str, Any] = {"name": name, "title": run.title, "formula": formula, "status": "finished"}
    if lacking:
        record |= {"status": "missing", "happened": f"no {', '.join(lacking)} here; {run.install}"}
    return record


class _Room:
    """The folder, the environment and the patience that all processes of one comparison share."""

    def __init__(self, folder: Path, threads: int, timeout: float, tell: Tell) -> None:
        self.folder, self.threads, self.timeout, self.tell = folder, threads, timeout, tell
        self.files = 0

    def _file(self, data: Dataset) -> str:
        self.files += 1
        path = self.folder / f"data-{self.files}.npz"
        write_data(data, path)
        return str(path)

    def _environment(self, record: dict[str, Any]) -> dict[str, str]:
        return environment(self.threads, self.folder / f"{record['name']}-{record['formula']}")

    def start_fresh(self, record: dict[str, Any], data: Dataset, warm_starts: int) -> None:
        """Time to first result: once with empty caches, then with those that it left."""
        env, path = self._environment(record), self._file(data)
        try:
            self.tell(f"{record['title']}, {record['formula']}: fresh process, cold caches")
            cold = first_result(record["name"], path, record["formula"], env, self.timeout)
            self.tell(f"{record['title']}, {record['formula']}: fresh process, warm caches")
            warm = [
                first_result(record["name"], path, record["formula"], env, self.timeout)
                for _ in range(warm_starts)
            ]
        except Failure as failure:
            record |= {"status": failure.status, "happened": f"starting: {failure.happened}"}
            return
        middle = {key: float(np.median([start[key] for start in warm])) for key in cold}
        record["first_result"] = {"cold": cold, "warm": middle}

    def open(self, records: list[dict[str, Any]], data: Dataset) -> Opened:
        """Start a process for each that still stands, and build in it."""
        opened = Opened(self)
        path = self._file(data)
        for record in records:
            if record["status"] != "finished":
                continue
            self.tell(f"{record['title']}, {record['formula']}: building")
            opened.add(record, Process(record["name"], self._environment(record)))
            built = opened.ask(record, "build", path=path, formula=record["formula"])
            if built:
                record["versions"] = built["versions"]
        return opened

    def watch(self, opened: Opened, steps: int, reference: Reference) -> None:
        """Take the steps, note what breaks and when, and compare the end with the reference."""
        for record in opened.standing():
            self.tell(f"{record['title']}, {record['formula']}: {steps} steps")
            record |= {"steps": 0, "broke": [], "warnings": []}
            while record["steps"] < steps and record["status"] == "finished":
                left = steps - record["steps"]
                watched = record["steps"] < WATCHED_STEPS
                answer = opened.ask(record, "watch" if watched else "advance", steps=min(CHUNK, left))
                if answer:
                    record |= {"steps": answer["step"], "broke": answer["broke"]}
                    record["warnings"] = sorted({*record["warnings"], *answer["warnings"]})
                    if any(b["quantity"] == "w" and b["nan"] == b["of"] for b in record["broke"]):
                        break  # NaN stays NaN
            record["finite"] = not record["broke"]
            end = opened.ask(record, "parameters")
            if end and record["steps"] == steps:
                w, b = np.array([float.fromhex(value) for value in end["w"]]), float.fromhex(end["b"])
                if np.isfinite(w).all() and math.isfinite(b):
                    record["agreement"] = asdict(reference.agreement(w, b))
                    record["b"], record["w_norm"] = b, float(np.linalg.norm(w))

    def steady_state(self, opened: Opened, rounds: int, key: str = "steady") -> None:
        """Samples of all in turn, A B C A B C …"""
        self.tell(f"steady state: {rounds} rounds of {len(opened.standing())} frameworks in turn")
        samples: dict[int, list[dict[str, Any]]] = {}
        for _ in range(rounds):
            for record in opened.standing():
                answer = opened.ask(record, "sample", seconds=0.05)
                if answer:
                    samples.setdefault(id(record), []).append(answer)
        for record in opened.standing():
            taken = samples[id(record)]
            timing = Timing.from_samples([sample["seconds"] for sample in taken])
            record[key] = {
                "median": timing.median,
                "q1": timing.q1,
                "q3": timing.q3,
                "samples": list(timing.samples),
                "cores": float(np.median([sample["cores"] for sample in taken])),
            }

    def other_size(self, opened: Opened, data: Dataset, rounds: int) -> dict[str, Any]:
        """The steady state on other data, in the same processes."""
        path, size = self._file(data), f"{len(data.x)} × {data.x.shape[1]}"
        self.tell(f"size {size}: building")
        for record in opened.standing():
            opened.ask(record, "build", path=path, formula=record["formula"])
        self.steady_state(opened, rounds, "at this size")
        return {
            "samples": len(data.x),
            "features": data.x.shape[1],
            "formula": next((record["formula"] for record in opened.standing()), None),
            "steady": {record["name"]: record.pop("at this size") for record in opened.standing()},
        }

    def describe(self, opened: Opened) -> None:
        """Ops, temporaries and Python calls of one step, and the gradient's representation."""
        self.tell("counting what one step does")
        for record in opened.standing():
            for key, request in (("per_step", "count"), ("gradient", "gradient")):
                answer = opened.ask(record, request, optional=True)
                if answer:
                    record[key] = answer


class Opened(dict[int, Process]):
    """The processes of one formula, by identity of their record."""

    def __init__(self, room: _Room) -> None:
        super().__init__()
        self._room = room
        self._records: list[dict[str, Any]] = []

    def add(self, record: dict[str, Any], process: Process) -> None:
        """Take in the process that belongs to `record`."""
        self[id(record)] = process
        self._records.append(record)

    def standing(self) -> list[dict[str, Any]]:
        """Records whose process has neither ended nor failed."""
        return [record for record in self._records if record["status"] == "finished"]

    def ask(
        self, record: dict[str, Any], do: str, *, optional: bool = False, **request: Any
    ) -> dict[str, Any]:
        """The answer; empty, with the reason in the record, where there is none."""
        if record["status"] != "finished":
            return {}
        try:
            return self[id(record)].ask(do, self._room.timeout, **request)
        except Failure as failure:
            if optional and failure.status == "failed":
                record.setdefault("notes", []).append(f"{do}: {failure.happened}")
            else:
                record |= {"status": failure.status, "happened": f"{do}: {failure.happened}"}
            return {}
