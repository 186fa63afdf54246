"""Damaged and hostile files of every kind that is read: the documented refusal, or a right result.

Never another exception, never more than ten seconds of computing or a gigabyte of memory for one; and what
loads can be shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from pytensor.graph.fg import FunctionGraph

import graphs
from graphs.commands import reproduce
from graphs.commands.options import parser
from graphs.compiled import cache, compiler
from graphs.examples import EXAMPLES
from graphs.examples.run import Run
from graphs.experiment.checkpoints import load_checkpoint
from graphs.experiment.folder import Folder
from graphs.experiment.results import RunFolder
from graphs.files import DamagedFile
from graphs.inspection import Recording, inspect
from graphs.inspection.file import from_json, to_json
from graphs.native import NativeLinker, NativeMode
from graphs.native.run import store
from graphs.peers.compare import Comparison, Plan, compare
from graphs.peers.compare.keeping import begun
from graphs.peers.compare.record import take_up
from graphs.peers.compare.tables import comparison_tables
from graphs.reading import read
from graphs.solving import NoOptimum
from graphs.terminal import as_html, as_text
from graphs.training import Diverged
from tests.attack.attacked import damaged
from tests.attack.damage import (
    STRANGE,
    archive,
    damaged_bytes,
    damaged_json,
    hostile_archives,
    hostile_arrays,
    is_sound,
    limited,
    refused,
)
from tests.attack.tally import Tally
from tests.inspection.hostile import views

SEED = 22


def dice_for(kind: str, number: int) -> random.Random:
    """The dice of one case: the case alone can be thrown again."""
    return random.Random(f"{SEED} {kind} {number}")


# --- recordings


@pytest.fixture(scope="module")
def recording() -> Recording:
    """A small one that knows everything there is to know."""
    x, w = pt.dvector("x"), pytensor.shared(np.ones(3), name="w")
    p = pt.sigmoid(x * w)
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
    inspection = inspect([x], [pt.log1p(-p).sum()], [(w, w - 0.1 * p)], mode=mode, name="small")
    inspection = inspection.evaluate(np.array([1.0, 2.0, 800.0])).measure(seconds=0.05, rounds=2)
    return inspection.leave_out(rounds=1).diagnose().recording


def shown(found: Recording, other: Recording, dice: random.Random) -> str:
    """What is wrong with the report of a recording or with one of its other views; empty where nothing is."""
    every = views(found, other, most=10**9)
    chosen = ["report", *dice.sample(sorted(every.keys() - {"report"}), 2)]
    for name in chosen:
        width = dice.choice((40, 80, 120))
        try:
            with limited():
                text = as_html(every[name](), width) if dice.random() < 0.1 else as_text(every[name](), width)
        except BaseException as problem:  # also what took too long
            return f"{name} at {width} columns: {type(problem).__name__}: {str(problem)[:200]!r}"
        if control := {c for c in text if (ord(c) < 32 and c not in "\n") or 0x7F <= ord(c) < 0xA0}:
            return f"{name}: control characters {control}"
        if len(text) > 5_000_000:
            return f"{name}: {len(text)} characters"
    with limited():
        again = from_json(to_json(found))
    same = again == found or "NaN" in to_json(found)
    return "" if same else "it does not come back as it was"


def read_recording(data: bytes | str, recording: Recording, dice: random.Random) -> str:
    """What is wrong with how a damaged recording is read and shown."""
    found, problem = refused(lambda: from_json(data, name="f.json"))
    if found is None or problem:
        return problem
    try:
        return shown(found, recording, dice)
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]!r}"


def test_bytes_of_recordings(recording: Recording, tally: Tally, times: int) -> None:
    whole = to_json(recording).encode()
    for number in range(1000 * times):
        dice = dice_for("bytes", number)
        tally.case(f"bytes {number}", read_recording(damaged_bytes(whole, dice), recording, dice))


def test_structure_of_recordings(recording: Recording, tally: Tally, times: int) -> None:
    document = json.loads(to_json(recording))
    for number in range(2000 * times):
        dice = dice_for("structure", number)
        changed = damaged_json(document, dice)
        tally.case(f"structure {number}", read_recording(json.dumps(changed), recording, dice))


def larger(kind: str) -> Recording:
    """Recordings of graphs such as people have, which know everything there is to know."""
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
    data = graphs.load(samples=8, features=3)
    if kind == "train":
        graph = graphs.logistic_graph(data.initial_w)
        updates = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
        asked = inspect([graph.x, graph.y], [graph.prediction, graph.xent], updates, mode=mode, name="train")
        return asked.examine(data.x, data.y.astype(float), rounds=1).recording
    if kind == "scan":
        v = pt.dvector("v")
        powers = pytensor.scan(
            lambda a, b: pt.exp(-a * b), sequences=v, outputs_info=pt.ones(()), return_updates=False
        )
        return inspect([v], [powers.sum()], mode=mode).examine(np.ones(4), rounds=1).recording
    # The log density of a regression, as PyMC writes one: constants of all shapes, indexing, a check.
    theta, groups = pt.dvector("theta"), pt.constant(np.arange(8) % 2)
    sigma = pt.exp(theta[0])
    mu = pt.constant(data.x) @ theta[1:4] + theta[4:6][groups]
    logp = -0.5 * ((pt.constant(data.y) - mu) / sigma) ** 2 - pt.log(sigma) - 0.9189385332046727
    logp = pt.switch(sigma > 0, logp, -np.inf).sum()
    return (
        inspect([theta], [logp, pytensor.grad(logp, theta)], mode=mode, name="model")
        .examine(np.linspace(0, 1, 6), rounds=1)
        .recording
    )


@pytest.mark.parametrize("kind", ["train", "scan", "model"])
def test_structure_of_larger_recordings(kind: str, recording: Recording, tally: Tally, times: int) -> None:
    document = json.loads(to_json(larger(kind)))
    for number in range(150 * times):
        dice = dice_for(kind, number)
        text = json.dumps(damaged_json(document, dice))
        data = text if number % 3 else damaged_bytes(text.encode(), dice)
        tally.case(f"{kind} {number}", read_recording(data, recording, dice))


def crowded(recording: Recording) -> Iterator[tuple[str, bytes]]:
    """Recordings that are right and too large: unused rows, one step of many nodes, a name without an end."""
    document = json.loads(to_json(recording))
    for table in ("nodes", "variables", "lines"):
        held = document["recording"][table]
        rows = [json.dumps(row) for row in held] + [json.dumps(held[0] if held else ["f", 1])] * 1_000_000
        other = json.dumps({**document, "recording": {**document["recording"], table: "HERE"}})
        yield f"10⁶ unused {table}", other.replace('"HERE"', f"[{','.join(rows)}]").encode()
    other = json.dumps(document)
    yield (
        "10⁵ lists in lists",
        other.replace('"stamp": {', '"stamp": {"a": ' + "[" * 100_000 + "]" * 100_000 + ",").encode(),
    )
    yield (
        "a number of 10⁵ digits",
        other.replace('"stamp": {', '"stamp": {"a": ' + "9" * 100_000 + ",").encode(),
    )
    yield "a name of 10⁷", other.replace('"name": "small"', '"name": "' + "n" * 10**7 + '"').encode()


def test_recordings_without_end(recording: Recording, tally: Tally) -> None:
    for name, data in crowded(recording):
        tally.case(name, read_recording(data, recording, random.Random(SEED)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(STRANGE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def search(look: Callable[[], None], tally: Tally) -> None:
    """Let Hypothesis look; what it found, with its notes on how to repeat it, is a case of its own."""
    try:
        look()
    except AssertionError as failure:
        tally.case("what Hypothesis found", "\n".join((str(failure), *getattr(failure, "__notes__", ()))))


def test_anything_in_place_of_a_part(recording: Recording, tally: Tally, times: int) -> None:
    """Hypothesis looks for the smallest value that a reader stumbles over."""
    document = json.loads(to_json(recording))
    tables = sorted(document["recording"])

    @seed(SEED)
    @settings(max_examples=300 * times, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(tables), JSON, st.integers(0, 30))
    @example(tables[0], None, 0)
    def look(table: str, value: Any, row: int) -> None:
        part = document["recording"][table]
        inside = isinstance(part, list) and part and row % 3
        new = [*part[: row % len(part)], value, *part[row % len(part) + 1 :]] if inside else value
        changed = {**document, "recording": {**document["recording"], table: new}}
        problem = read_recording(json.dumps(changed), recording, random.Random(SEED))
        tally.case(f"{table}, row {row}, {value!r}"[:200])
        assert not problem, problem

    search(look, tally)


# --- a run's checkpoint


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has made its steps."""
    out = tmp_path_factory.mktemp("run") / "out"
    words = ("--samples", "20", "--features", "4", "--mode", "FAST_COMPILE", "--formula", "logits")
    words += ("--steps", "30", "--weight-decay", "0", "--quiet", "--out", str(out))
    assert resume(words) == ""
    return out


def resume(words: tuple[str, ...]) -> str:
    """What is wrong with how the command ends; it may refuse, and it may say that the run diverges."""
    given = parser().parse_args(["reproduce", *words])
    del given.command
    with contextlib.redirect_stderr(io.StringIO()):
        return refused(lambda: reproduce.main(given), Diverged, OSError)[1]


def parts_of(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Header and arrays of a checkpoint."""
    with np.load(path) as stored:
        arrays = dict(stored)
    return json.loads(arrays.pop("header").tobytes()), arrays


def with_digest(header: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """A checkpoint whose digest fits, whatever is in it."""
    rest = {name: value for name, value in header.items() if name != "digest"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    text = json.dumps({**rest, "digest": digest.hexdigest()} if isinstance(rest, dict) else rest)
    kept = io.BytesIO()
    np.savez(kept, **{"header": np.frombuffer(text.encode(), dtype=np.uint8), **arrays})
    return kept.getvalue()


def resumed(run_folder: Path, data: bytes, scratch: Path) -> str:
    """What is wrong with how a run goes on from a checkpoint of these bytes."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(run_folder, scratch)
    (scratch / "checkpoint.npz").write_bytes(data)
    problem = refused(lambda: load_checkpoint(scratch / "checkpoint.npz"))[1]
    return problem or resume(("--resume", "--quiet", "--out", str(scratch)))


def test_bytes_of_checkpoints(run_folder: Path, tmp_path: Path, tally: Tally, times: int) -> None:
    path, other = run_folder / "checkpoint.npz", tmp_path / "checkpoint.npz"
    whole, (right, names) = path.read_bytes(), load_checkpoint(path)
    for number in range(400 * times):
        other.write_bytes(damaged_bytes(whole, dice_for("checkpoint", number)))
        found, problem = refused(lambda: load_checkpoint(other))
        if found and (found[1] != names or found[0].state["w"].tobytes() != right.state["w"].tobytes()):
            problem = "another run is read"
        tally.case(f"checkpoint {number}", problem)


def damaged_array(array: np.ndarray[Any, Any], dice: random.Random) -> np.ndarray[Any, Any]:
    """An array of another shape, dtype or content."""
    how = dice.randrange(8)
    flat = array.ravel()
    if how == 0:
        return flat[:-1].copy()
    if how == 1:
        return np.append(flat, flat[-1:])
    if how == 2:
        return array.astype(
            dice.choice(("float32", "int64", "complex128", "U5", "S3", "bool", "float16", ">f8"))
        )
    if how == 3:
        return array.reshape((*array.shape, 1))
    if how == 4:
        return np.full(array.shape, dice.choice((np.nan, np.inf, -1.0, 1e308, 0.0)))
    if how == 5:
        return np.array(3.0)
    if how == 6:
        return np.empty((0, 3))
    return flat[::-1].reshape(array.shape).copy()


def test_checkpoints_of_another_content_with_a_digest_that_fits(
    run_folder: Path, tmp_path: Path, tally: Tally, times: int
) -> None:
    header, arrays = parts_of(run_folder / "checkpoint.npz")
    assert load_checkpoint(run_folder / "checkpoint.npz")
    tally.case("nothing changed", resumed(run_folder, with_digest(header, arrays), tmp_path / "run"))
    for number in range(250 * times):
        dice = dice_for("content", number)
        changed_header, changed = header, dict(arrays)
        if dice.random() < 0.5:
            changed_header = damaged_json({n: v for n, v in header.items() if n != "digest"}, dice)
        else:
            name = dice.choice(sorted(arrays))
            how = dice.randrange(4)
            if how == 0:
                del changed[name]
            elif how == 1:
                changed[dice.choice(("more", "state/more", "history/more", "more/x", "/", ""))] = changed[
                    name
                ]
            else:
                changed[name] = damaged_array(changed[name], dice)
        if not isinstance(changed_header, dict):
            continue
        data = with_digest(changed_header, changed)
        tally.case(f"content {number}", resumed(run_folder, data, tmp_path / f"run{number}"))
        shutil.rmtree(tmp_path / f"run{number}", ignore_errors=True)


# --- stages of other trainings


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Callable[[], Any]]]:
    """A stage of each kind, and what goes on from it."""

    def going_on(name: str) -> Callable[[], Any]:
        folder = Folder(tmp_path_factory.mktemp("stages") / name, (), resume=True)
        example = EXAMPLES.function(name)
        example(Run(name, "NATIVE", folder=folder))
        return lambda: example(Run(name, "NATIVE", folder=folder, resume=True))

    found = {}
    for name, file in (("growth", "growth-least-squares.npz"), ("stopping", "stopping-stopped.npz")):
        go_on = going_on(name)
        (path,) = tmp_path_factory.getbasetemp().rglob(file)
        found[name] = (path, go_on)
    return found


@pytest.mark.parametrize("name", ["growth", "stopping"])
def test_bytes_of_stages(
    stages: dict[str, tuple[Path, Callable[[], Any]]], name: str, tally: Tally, times: int
) -> None:
    path, go_on = stages[name]
    whole, right = path.read_bytes(), go_on().findings
    for number in range(60 * times):
        path.write_bytes(damaged_bytes(whole, dice_for(f"stage of {name}", number)))
        found, problem = refused(go_on)
        if found is not None and found.findings != right:
            problem = "another run is read"
        tally.case(f"{name} {number}", problem)
    path.write_bytes(whole)


@pytest.mark.parametrize("name", ["growth", "stopping"])
def test_stages_of_another_content_with_a_digest_that_fits(
    stages: dict[str, tuple[Path, Callable[[], Any]]], name: str, tally: Tally, times: int
) -> None:
    path, go_on = stages[name]
    whole = path.read_bytes()
    header, arrays = parts_of(path)
    for number in range(60 * times):
        dice = dice_for(f"content of {name}", number)
        changed_header, changed = header, dict(arrays)
        if dice.random() < 0.3:
            changed_header = damaged_json({n: v for n, v in header.items() if n != "digest"}, dice)
        else:
            array = dice.choice(sorted(arrays))
            if dice.random() < 0.2:
                del changed[array]
            else:
                changed[array] = damaged_array(changed[array], dice)
        if not isinstance(changed_header, dict):
            continue
        path.write_bytes(with_digest(changed_header, changed))
        tally.case(f"{name} {number}", refused(go_on, Diverged, NoOptimum)[1])
    path.write_bytes(whole)


# --- samples and targets


def sound(path: Path) -> str:
    """What is wrong with how a file of samples is read."""
    data, problem = refused(lambda: read(path))
    if data is None:
        return problem
    fits = data.x.ndim == 2 and data.y.shape == data.x.shape[:1] and is_sound(data.x)
    return "" if fits and set(np.unique(data.y)) <= {0, 1} else "what is read is no data set"


def test_npz_files(tmp_path: Path, tally: Tally, times: int) -> None:
    path, kept = tmp_path / "d.npz", io.BytesIO()
    np.savez(kept, x=np.random.RandomState(0).randn(6, 2), y=np.arange(6) % 2)
    for number in range(400 * times):
        path.write_bytes(damaged_bytes(kept.getvalue(), dice_for("npz", number)))
        tally.case(f"NPZ {number}", sound(path))
    members: dict[str, bytes] = {}
    for name, array in (("x", np.eye(3)), ("y", np.array([0, 1, 1]))):
        held = io.BytesIO()
        np.save(held, array)
        members[f"{name}.npy"] = held.getvalue()
    for name, data in hostile_archives(members).items():
        path.write_bytes(data)
        tally.case(f"NPZ, {name}", sound(path))
    for name, data in hostile_arrays().items():
        for member in ("x.npy", "y.npy"):
            path.write_bytes(archive({**members, member: data}))
            tally.case(f"NPZ, {member}, {name}", sound(path))
        path.write_bytes(data)
        tally.case(f"NPZ, a lone array, {name}", sound(path))
    assert not Path("/tmp/owned").exists()


CELLS = (
    *(
        "",
        " ",
        "nan",
        "-nan",
        "inf",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "0x10",
        "1_000",
        "１",
        "٣",
        "--",
        "+",
    ),
    *(
        ".",
        "1.5.2",
        "1e",
        "'1'",
        '"1"',
        '"1',
        '""',
        "\x00",
        "1\x00",
        "\x1b[31m1",
        "[/a]",
        "#1",
        "1#",
        "1;2",
        "1 2",
    ),
    *(
        "True",
        "None",
        "1j",
        "9" * 5000,
        "x" * 100_000,
        "\u202e1",
        "\ufeff1",
        "é",
        "1\r",
        "\t1",
        "0b1",
        "1,",
        ",",
    ),
    *("2", "-1", "0.5", "=1+1", "$\\foo{$", "\ud83d\ude00"),
)


def test_csv_files(tmp_path: Path, tally: Tally, times: int) -> None:
    path = tmp_path / "d.csv"
    rows = [["a", "b", "y"], *([f"{k}.5", f"{-k}", str(k % 2)] for k in range(6))]
    whole = "".join(",".join(row) + "\n" for row in rows)
    for number in range(300 * times):
        path.write_bytes(damaged_bytes(whole.encode(), dice_for("csv", number)))
        tally.case(f"CSV {number}", sound(path))
    for number, cell in enumerate(CELLS):
        for row in (0, 1, 4, 6):
            for column in (0, 2):
                changed = [list(r) for r in rows]
                changed[row][column] = cell
                path.write_bytes(
                    "".join(",".join(r) + "\n" for r in changed).encode("utf-8", "surrogatepass")
                )
                tally.case(f"CSV, cell {number} ({cell[:20]!r}) in row {row}, column {column}", sound(path))
    for name, data in {
        "UTF-16": whole.encode("utf-16"),
        "UTF-8 with a mark": whole.encode("utf-8-sig"),
        "latin-1": whole.replace("a", "é").encode("latin-1"),
        "carriage returns": whole.replace("\n", "\r").encode(),
        "carriage returns and newlines": whole.replace("\n", "\r\n").encode(),
        "names only": b"a,b,y\n",
        "newlines only": b"\n" * 100_000,
        "commas only": b"," * 100_000,
        "one line of a megabyte": b"1," * 500_000 + b"1\n",
        "a quote that is never closed": b'"a,b,y\n' + whole.encode(),
        "10⁵ names over three columns": b"n," * 100_000 + b"y\n1,2,1\n",
        "the same name twice": b"y,y,y\n1,1,1\n0,0,0\n",
        "NULs": bytes(1000),
        "a zip": archive({"x.npy": b""}),
        "no newline at the end": whole.rstrip("\n").encode(),
        "a short row": whole.encode() + b"1,2\n",
        "a long row": whole.encode() + b"1,2,3,1\n",
        "one number": b"1",
        "tabs": whole.replace(",", "\t").encode(),
    }.items():
        path.write_bytes(data)
        tally.case(f"CSV, {name}", sound(path))


# --- the native cache


v = pt.dvector("v")


def build() -> tuple[float, list[float]]:
    """A small function, compiled or from the cache, and what it computes."""
    compiler._opening.cache_clear()
    s = pytensor.shared(np.ones(3), name="s")
    function = pytensor.function(
        [v], (s * v).sum(), updates=[(s, s - 0.3 * v)], mode=NativeMode(NativeLinker())
    )
    return float(function([1.0, 2.0, 3.0])), s.get_value().tolist()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache that holds one function."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    build()
    yield tmp_path / "kept"
    compiler._opening.cache_clear()


def replace(path: Path, data: bytes) -> None:
    """Put another file in its place: a library that is mapped must not change under a running function."""
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


def test_bytes_of_the_native_cache(kept: Path, tally: Tally, times: int) -> None:
    right, whole = build(), {path: path.read_bytes() for path in kept.iterdir()}
    for number in range(120 * times):
        dice = dice_for("cache", number)
        # A library takes a compiler to mend, so that most of the cases are programs.
        suffix = dice.choice((".json", ".json", ".json", ".so", ""))  # "": the secret
        path = next(path for path in sorted(whole) if path.suffix == suffix)
        replace(path, damaged_bytes(whole[path], dice))
        found, problem = refused(build)
        if found is not None and found != right:
            problem = f"it computes {found}"
        if broken := damaged(kept):
            problem = problem or f"{broken} stays as it is"
        tally.case(f"cache {number}, {path.suffix or path.name}", problem)
        for each, data in whole.items():
            if not each.exists() or each.read_bytes() != data:
                replace(each, data)


def test_programs_of_another_content_with_a_mark_that_fits(kept: Path, tally: Tally, times: int) -> None:
    """Nobody but this user can write them; yet what is no program counts as absent."""
    (path,) = kept.glob("*.json")
    data, _, _ = path.read_bytes().rpartition(b"\n")
    s = pytensor.shared(np.ones(3), name="s")
    graph = FunctionGraph([v, s], [(s * v).sum(), s - 0.3 * v], clone=False)
    text_of_program, _, parts = data.partition(b"\n")  # what the question was made of stands below
    document, known = json.loads(text_of_program), store.known(path.stem, graph)
    assert known is not None
    without_format = re.sub(rb'"format":\d+', b'"format":NaN', data)
    assert without_format != data

    def case(name: str, text: bytes) -> None:
        assert cache.store(path.stem, ".json", text)
        found, problem = refused(lambda: store.known(path.stem, graph))
        if found is not None and any(
            type(part) is not type(getattr(known, n)) for n, part in vars(found).items()
        ):
            problem = problem or "no program is taken for one"
        tally.case(name, problem)

    case("nothing changed", data)
    for number in range(200 * times):
        changed = damaged_json(document, dice_for("program", number))
        # Another C text would be compiled: it is as good as any that the user writes.
        if not isinstance(changed, dict) or changed.get("text") in (document["text"], None):
            case(f"program {number}", json.dumps(changed).encode() + b"\n" + parts)
    for name, text in {
        "10⁵ lists in lists": b"[" * 100_000 + b"]" * 100_000,
        "10⁵ open lists": b"[" * 100_000,
        "a number of 10⁵ digits": b"9" * 100_000,
        "not UTF-8": b"\xff\xfe" + data,
        "a lone surrogate": data.replace(b'"text":"', b'"text":"\\ud800'),
        "NaN": without_format,
        "parts that are none": text_of_program + b"\n[1, 2",
        "nothing": b"",
    }.items():
        case(name, text)
    found, problem = refused(build)
    tally.case("afterwards", problem or ("" if found == build() else "other numbers"))


# --- the record of a comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(
        graphs.load(samples=20, features=3),
        Plan(runs=("numpy", "torch"), formulas=("textbook",), steps=10, rounds=1, warm_starts=0),
    )


def read_comparison(folder: Path, data: bytes, comparison: Comparison) -> str:
    """What is wrong with how a damaged record is read, shown and gone on with."""
    (folder / "compare.json").write_bytes(data)
    found, problem = refused(lambda: begun(folder))
    if found is None:
        return problem
    text, problem = refused(lambda: as_text(comparison_tables(found), 100))
    if problem:
        return f"shown: {problem}"
    if text and (control := {c for c in text if ord(c) < 32 and c != "\n"}):
        return f"shown with control characters {control}"
    return refused(lambda: take_up(comparison, found), DamagedFile)[1]


def test_records_of_comparisons(comparison: Comparison, tmp_path: Path, tally: Tally, times: int) -> None:
    whole = comparison.to_json()
    document = json.loads(whole)
    for number in range(150 * times):
        changed = damaged_bytes(whole, dice_for("record", number))
        tally.case(f"bytes of a record {number}", read_comparison(tmp_path, changed, comparison))
    for number in range(350 * times):
        changed = json.dumps(damaged_json(document, dice_for("record structure", number))).encode()
        tally.case(f"structure of a record {number}", read_comparison(tmp_path, changed, comparison))
    for name, data in {
        "10⁵ lists in lists": b"[" * 100_000 + b"]" * 100_000,
        "a number of 10⁵ digits": b"9" * 100_000,
        "nothing": b"",
        "null": b"null",
        "kind and version only": b'{"kind":"comparison","version":3}',
        "another version": b'{"kind":"comparison","version":{"a":1}}',
        "a long version": b'{"kind":"comparison","version":"' + b"x" * 100_000 + b'"}',
    }.items():
        tally.case(f"a record: {name}", read_comparison(tmp_path, data, comparison))


# --- anything at all, under every name


def test_any_bytes_in_place_of_any_file(
    recording: Recording, tmp_path: Path, tally: Tally, times: int
) -> None:
    """Hypothesis looks for the smallest file that a reader stumbles over."""
    readers: dict[str, Callable[[Path], Any]] = {
        "d.csv": read,
        "d.npz": read,
        "checkpoint.npz": load_checkpoint,
        "r.json": graphs.inspection.load,
        "compare.json": lambda path: begun(path.parent),
    }

    @seed(SEED)
    @settings(max_examples=200 * times, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(sorted(readers)),
        st.binary(max_size=300) | st.text(max_size=100).map(_utf8) | JSON.map(_json),
    )
    def look(name: str, data: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        problem = refused(lambda: readers[name](path))[1]
        tally.case(name)
        assert not problem, problem

    search(look, tally)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_what_is_no_file(tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a missing file, one without an end, a name that no file can have."""
    monkeypatch.chdir(tmp_path)  # an empty name stands for the folder one is in
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for suffix in (".csv", ".npz"):
        (tmp_path / f"endless{suffix}").symlink_to("/dev/zero")
        (tmp_path / f"folder{suffix}").mkdir()
    names = (
        ".",
        "folder",
        "none",
        "loop",
        "endless",
        "n" * 5000,
        "a\0b",
        "a\ud800b",
        "\x1b]0;owned\x07",
        "[/a]",
        "a\nb",
    )
    for path in (*(tmp_path / name for name in names), Path("/dev/null/x"), Path("/proc/self/mem"), Path()):
        for suffix in (".csv", ".npz"):
            tally.case(f"read {path}{suffix}"[:80], refused(partial(read, f"{path}{suffix}"))[1])
        for work in (graphs.inspection.load, load_checkpoint):
            tally.case(f"{work.__name__} {path}"[:80], refused(partial(work, path))[1])
        if path.name not in ("endless", "mem"):
            folder = partial(RunFolder, path / "deeper", resume=True)
            tally.case(f"a run in {path}"[:80], refused(folder)[1])
            saved = partial(graphs.inspection.save, NOTHING, path / "none" / "deeper")
            tally.case(f"a recording kept in {path}"[:80], refused(saved)[1])


NOTHING = Recording("", "", "", (), None, *[()] * 11, 0.0, 0.0, {})
