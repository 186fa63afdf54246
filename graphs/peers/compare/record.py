"""The record of a comparison: begun, gone on with after an interruption, written as JSON and read back."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from graphs.data import Dataset
from graphs.environment import PACKAGES, stamp
from graphs.errors import InputError
from graphs.experiment.checkpoints import fingerprint
from graphs.files import DamagedFile, read_whole
from graphs.foreign import quoted
from graphs.peers import LEARNING_RATE, PEERS, WEIGHT_DECAY, missing
from graphs.peers.compare.plan import Plan
from graphs.peers.compare.reference import Agreement, Reference
from graphs.peers.protocol import Broken, Counted, Failure
from graphs.timing import Spread

__all__ = ["CACHES", "Comparison", "Run", "Start", "Steady", "begin", "read_record", "take_up"]

VERSION = 3
CACHES = ("cold", "warm")
MOST_BYTES = 2**26  # a full comparison has some hundred kilobytes, most of it gradients
STATUSES = ("unfinished", "finished", "missing", "crashed", "hung", "failed", "not applicable")
PATIENCE = ("settings.timeout", "settings.step_limit")  # may be another when a comparison goes on
DESCRIPTIONS = ("count", "gradient")  # a run without an answer to these is none the worse


class Start(msgspec.Struct, rename={"import_": "import"}):
    """Seconds of a fresh process from start to end, with one step, and of its parts; its memory at most."""

    whole_process: float
    import_: float
    build: float
    first_call: float
    peak_rss_bytes: int


class Steady(msgspec.Struct):
    """Seconds of a step, all peers in turn; every sample, in the order taken; cores kept busy."""

    seconds: Spread
    samples: list[float]
    cores: float


class Run(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One peer with one formula: a row of every table. In the file, what is empty is left out."""

    name: str  # key of `graphs.peers.PEERS`
    title: str  # for people
    formula: str  # textbook, logits or softplus
    status: str = "unfinished"  # finished, missing, crashed, hung or failed
    happened: str = ""  # what, where it did not finish
    python: str = ""  # version of the other Python that held it
    versions: dict[str, str] = {}
    first_result: dict[str, Start] = {}  # by the caches it found, cold and warm
    steps: int = 0  # taken
    stopped: str = ""  # why they were not all that were asked for
    finite: bool | None = None  # whether all stayed so; None: the steps are still to be taken
    broke: list[Broken] = []  # what did not
    warnings: list[str] = []  # what it said about that
    agreement: Agreement | None = None  # with the reference after as many steps, where w and b are finite
    b: float | None = None  # after these steps
    w_norm: float | None = None  # ‖w‖₂ after these steps
    steady: Steady | None = None
    #: Against numpy and against uncompiled, by caches: from which number of steps on; null is never.
    break_even: dict[str, dict[str, int | None]] = {}
    per_step: Counted | None = None
    gradient: dict[str, str] = {}  # name of the representation → its text
    notes: list[str] = []  # what could not be described

    @property
    def stands(self) -> bool:
        """Whether there is still something to ask."""
        return self.status == "unfinished"

    def fail(self, do: str, failure: Failure) -> None:
        """Write down that `do` was not answered as it should be."""
        if do in DESCRIPTIONS and failure.status == "failed":
            self.notes = [*self.notes, f"{do}: {failure.happened}"]
        else:
            self.status, self.happened = failure.status, f"{do}: {failure.happened}"


class OtherSize(msgspec.Struct):
    """The steady states at another size, by name."""

    samples: int
    features: int
    formula: str
    steady: dict[str, Steady]


class Origin(msgspec.Struct):
    """What all start from."""

    name: str
    source: str
    samples: int
    features: int
    dtype: str
    sha256: str


class Exact(msgspec.Struct):
    """The reference: its floating point, its steps and its b after them."""

    dtype: str
    steps: int = 0
    b: float | None = None


class Comparison(msgspec.Struct, kw_only=True, tag_field="kind", tag="comparison"):
    """One experiment with several peers."""

    version: int = VERSION
    finished: bool = False  # false as long as something is to be measured
    stamp: dict[str, Any]  # versions and machine, see `graphs.environment.stamp`
    settings: Plan
    learning_rate: float = LEARNING_RATE
    weight_decay: float = WEIGHT_DECAY
    data: Origin
    reference: Exact
    runs: list[Run]
    sweep: list[OtherSize] = []
    verdicts: list[str] = []  # what follows, in sentences

    def to_json(self) -> bytes:
        """The file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def begin(plan: Plan, data: Dataset) -> Comparison:
    """A record in which every run is still to be done, or missing; see also `Plan.elsewhere`."""
    elsewhere = plan.elsewhere()
    samples, features = data.x.shape
    digest = fingerprint(data.x, data.y, data.initial_w, np.array(data.initial_b))
    packages = [package for run in plan.runs for package in PEERS[run].requires]
    return Comparison(
        stamp=stamp(dict.fromkeys([*PACKAGES, *packages])),
        settings=plan,
        data=Origin(data.name, data.source, samples, features, str(data.x.dtype), digest),
        reference=Exact(Reference.dtype),
        runs=[
            _run(name, formula, elsewhere.get(name, ""))
            for formula in plan.formulas
            for name in plan.runs
            if formula in PEERS[name].formulas
        ],
    )


def _run(name: str, formula: str, elsewhere: str) -> Run:
    run = Run(name=name, title=PEERS[name].title, formula=formula, python=elsewhere)
    lacking = () if elsewhere else missing(name)
    if lacking:
        run.status, run.happened = "missing", f"no {', '.join(lacking)} here; {PEERS[name].install}"
    return run


def take_up(record: Comparison, earlier: Comparison) -> None:
    """Put into a record just begun what an earlier one of the same comparison holds.

    A formula that was done with is taken over whole. Of another, each run keeps its times to
    first result and its steps; the steady state is measured anew, for it is measured in turn, and
    what crashed, hung or failed is tried again. One of other settings, data, versions or machine is refused.
    """
    now, then = _conditions(record), _conditions(earlier)
    for key in dict.fromkeys((*now, *then)):
        if now.get(key) != then.get(key):
            raise InputError(
                "resume",
                found=f"a comparison begun with {key} = {then.get(key)!r}, now {now.get(key)!r}",
                allowed="the same command on the same machine, with --resume added",
                remedy="leave --resume out to begin anew",
            )
    before = {(run.name, run.formula): run for run in earlier.runs}
    if missed := [run for run in record.runs if (run.name, run.formula) not in before]:
        raise InputError(
            "resume",
            found=f"a damaged record, without {missed[0].title} ({missed[0].formula})",
            allowed="a compare.json as it was written",
        )
    begun = {run.formula for run in earlier.runs if run.stands}
    record.runs = [_taken_up(run, before[run.name, run.formula], begun) for run in record.runs]
    record.sweep = [] if begun else earlier.sweep
    record.reference = replace(earlier.reference)


def _conditions(record: Comparison) -> dict[str, Any]:
    """What must stay the same when a comparison goes on, as the file holds it."""
    parts = {"settings": record.settings, "data": record.data, **record.stamp}
    plain = msgspec.json.decode(msgspec.json.encode(parts))
    conditions = {f"{part}.{key}": value for part, held in plain.items() for key, value in held.items()}
    return {key: conditions[key] for key in conditions if key not in PATIENCE}


def _taken_up(run: Run, old: Run, begun: set[str]) -> Run:
    if run.formula not in begun:
        return replace(old)
    if not run.stands:
        return run
    if old.finite is None:
        return replace(run, first_result=old.first_result)
    return replace(
        old,
        status="unfinished",
        happened="",
        steady=None,
        break_even={},
        per_step=None,
        gradient={},
        notes=[],
    )


def read_record(path: str | os.PathLike[str]) -> Comparison:
    """The record in a file; `DamagedFile` if it is no record of a comparison, or of another version."""
    content = read_whole(path, MOST_BYTES)
    try:
        head = msgspec.json.decode(content)
        if head["kind"] == "comparison" and head["version"] != VERSION:
            version = quoted(head["version"])
            raise DamagedFile(
                f"it is a record of a comparison of version {version}, and not of version {VERSION}"
            )
        record = msgspec.json.decode(content, type=Comparison)
    except DamagedFile:
        raise
    # what msgspec, a plan and a lookup raise on what somebody else wrote
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DamagedFile(f"it is no record of a comparison ({error})") from error
    for run in record.runs:
        if run.name not in PEERS or run.status not in STATUSES or not {*run.first_result} <= {*CACHES}:
            raise DamagedFile(
                f"it holds a run that there cannot be ({quoted(run.name)}, {quoted(run.status)})"
            )
    for part in record.stamp.values():
        if not isinstance(part, dict):
            raise DamagedFile("it does not say versions and machine")
    return record
