"""The record of a comparison: begun, gone on with after an interruption, concluded.

It is plain data. At its top: ``kind`` and ``version``; ``finished``, false as long as something is
to be measured; ``stamp``, ``settings``, ``data`` and ``reference``; ``verdicts``, sentences; ``sweep``, the
steady states at other sizes. Each of ``runs`` has

=================  ==================================================================================
name, title        key of `graphs.frameworks.RUNS`, and for people
formula            textbook, logits or softplus
python             version of the other Python that held it, if one did
status             unfinished, finished, missing, crashed, hung or failed; ``happened`` says what
first_result       cold and warm: seconds of the whole process and its import, build, first_call; peak_rss_bytes
steps, stopped     steps taken, and why they were not all that were asked for
finite, broke      whether all stayed finite; what did not: quantity, inf and nan of how many, at which steps
warnings           what it said about that
agreement          with the reference after as many steps: relative, ulp, worst_entry_ulp; b and w_norm
steady             seconds of a step: median, q1, q3, samples; cores kept busy
break_even         against numpy and against uncompiled: steps, cold and warm; null is never
per_step           dispatches, ops, temporaries, bytes, python_calls, and how they were counted
gradient           name of the representation → its text
notes              what could not be described
=================  ==================================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np

from graphs import frameworks
from graphs.comparison.plan import Plan
from graphs.comparison.reference import Reference
from graphs.comparison.verdicts import add_break_even, verdicts
from graphs.data import Dataset
from graphs.environment import PACKAGES, stamp
from graphs.errors import InputError
from graphs.files import DamagedFile

__all__ = ["begin", "conclude", "read_record", "take_up"]

VERSION = 2

# What a run keeps when a comparison goes on: its times to first result, and its steps.
_FIRST = ("first_result",)
_WATCHED = ("steps", "broke", "warnings", "finite", "agreement", "b", "w_norm", "stopped", "versions")


def begin(plan: Plan, data: Dataset) -> dict[str, Any]:
    """A record in which every run is still to be done, or missing.

    Raises
    ------
    InputError
        If another Python that the plan names does not hold its framework.
    """
    elsewhere = plan.elsewhere()
    packages = dict.fromkeys(package for run in plan.runs for package in frameworks.RUNS[run].requires)
    return {
        "kind": "comparison",
        "version": VERSION,
        "finished": False,
        "stamp": stamp(dict.fromkeys([*PACKAGES, *packages])),
        "settings": {**plan.settings(), "learning_rate": 0.1, "weight_decay": 0.01},
        "data": {
            "name": data.name,
            "source": data.source,
            "samples": len(data.x),
            "features": data.x.shape[1],
            "dtype": str(data.x.dtype),
            "sha256": _digest(data),
        },
        "reference": {"dtype": Reference.dtype},
        "runs": [
            _run(name, formula, elsewhere.get(name))
            for formula in plan.formulas
            for name in plan.runs
            if formula in frameworks.RUNS[name].formulas
        ],
        "sweep": [],
        "verdicts": [],
    }


def _digest(data: Dataset) -> str:
    digest = hashlib.sha256()
    for array in (data.x, data.y, data.initial_w, np.array(data.initial_b)):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _run(name: str, formula: str, elsewhere: str | None) -> dict[str, Any]:
    run = frameworks.RUNS[name]
    record: dict[str, Any] = {"name": name, "title": run.title, "formula": formula, "status": "unfinished"}
    if elsewhere:
        record["python"] = elsewhere
    elif lacking := frameworks.missing(name):
        record |= {"status": "missing", "happened": f"no {', '.join(lacking)} here; {run.install}"}
    return record


def take_up(record: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Put into a record just begun what an earlier one of the same comparison holds.

    A formula that was done with is taken over whole. Of another, each run keeps its times to
    first result and its steps; the steady state is measured anew, for it is measured in turn, and
    what crashed, hung or failed is tried again.

    Raises
    ------
    InputError
        If the earlier one is of another comparison: other settings, data, versions or machine.
    """
    try:
        for part, now, then in (
            ("settings", record["settings"], earlier["settings"]),
            ("data", record["data"], earlier["data"]),
            ("versions", record["stamp"]["versions"], earlier["stamp"]["versions"]),
            ("machine", record["stamp"]["machine"], earlier["stamp"]["machine"]),
        ):
            _refuse_other(part, json.loads(json.dumps(now)), then)
        _take_over(record, earlier)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "resume", found=f"a damaged record ({error!r})", allowed="a compare.json as it was written"
        ) from error


def _refuse_other(part: str, now: dict[str, Any], then: dict[str, Any]) -> None:
    for key in dict.fromkeys((*now, *then)):
        if now.get(key) != then.get(key) and key not in {"timeout", "step_limit"}:
            raise InputError(
                "resume",
                found=f"a comparison begun with {part}.{key} = {then.get(key)!r}, now {now.get(key)!r}",
                allowed="the same command on the same machine, with --resume added",
                remedy="leave --resume out to begin anew",
            )


def _take_over(record: dict[str, Any], earlier: dict[str, Any]) -> None:
    before = {(run["name"], run["formula"]): run for run in earlier["runs"]}
    begun = {run["formula"] for run in earlier["runs"] if run["status"] == "unfinished"}
    for run in record["runs"]:
        old = before[run["name"], run["formula"]]
        if run["formula"] not in begun:
            run |= old
        elif run["status"] != "missing":
            run |= {key: old[key] for key in _FIRST if key in old}
            if "finite" in old:
                run |= {key: old[key] for key in _WATCHED if key in old}
    if not begun:
        record["sweep"] = earlier["sweep"]
    record["reference"] = earlier["reference"]


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record in a file.

    Raises
    ------
    DamagedFile
        If it is no record of a comparison, or of another version.
    OSError
        If it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            record = json.load(stream)
        whole = record["kind"] == "comparison" and record["version"] == VERSION and "runs" in record
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"it is no record of a comparison ({type(error).__name__})") from error
    if not whole:
        raise DamagedFile(f"it is no record of a comparison of version {VERSION}")
    return record  # type: ignore[no-any-return]  # a dict, for it has a kind


def conclude(record: dict[str, Any], *, finished: bool) -> None:
    """Say what follows from the record as it stands."""
    add_break_even(record["runs"])
    record["verdicts"] = verdicts(record["runs"], record["sweep"])
    record["finished"] = finished
