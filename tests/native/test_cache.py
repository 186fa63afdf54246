"""The cache: warm starts skip all work, and nothing that is damaged or foreign is believed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import cache, compiler
from graphs.native import NativeLinker, NativeMode, explain
from graphs.native.linker import NativeRewriter
from graphs.native.pipeline import make_program
from graphs.native.run import store

v = pt.dvector("v")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    compiler._opening.cache_clear()
    yield tmp_path / "kept"
    compiler._opening.cache_clear()


@pytest.fixture
def compilations(monkeypatch):
    """Counts runs of the C compiler."""
    runs = []
    real = compiler.Compilation
    monkeypatch.setattr(compiler, "Compilation", lambda text: runs.append(text) or real(text))
    return runs


def build(rate=0.3):
    compiler._opening.cache_clear()
    s = pytensor.shared(np.ones(3), name="s")
    fn = pytensor.function([v], (s * v).sum(), updates=[(s, s - rate * v)], mode=NativeMode(NativeLinker()))
    fn([0.0, 0.0, 0.0])  # whose first call waits for the compiler; leaves s as it is
    return fn, s


def test_second_time_nothing_is_rewritten_or_compiled(folder, compilations, monkeypatch):
    build()
    assert len(compilations) == 1
    assert len(list(folder.glob("*.json"))) == 1
    monkeypatch.setattr("graphs.native.pipeline.make_program", None)  # a graph lowered again would fail
    fn, s = build()
    assert len(compilations) == 1
    assert fn([1.0, 2.0, 3.0]) == 6.0
    np.testing.assert_allclose(s.get_value(), [0.7, 0.4, 0.1])


def test_another_learning_rate_needs_no_compiler(folder, compilations):
    build(0.3)
    fn, s = build(0.7)
    assert len(compilations) == 1
    fn([1.0, 0.0, 0.0])
    np.testing.assert_allclose(s.get_value(), [0.3, 1, 1])


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "empty", "other digest", "library cut", "library flipped"]
)
def test_damage_is_found_and_mended(folder, compilations, damage):
    build()
    (program,), (shared,) = folder.glob("*.json"), folder.glob("*.so")
    target = shared if damage.startswith("library") else program
    data = target.read_bytes()
    middle = len(data) // 2
    target.unlink()  # a library that is mapped must not be changed under a running function
    target.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "other digest": data[:-1] + (b"0" if data[-1:] != b"0" else b"1"),
            "library cut": data[:middle],
            "library flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        }[damage]
    )
    fn, _ = build()
    assert fn([1.0, 2.0, 3.0]) == 6.0
    assert len(compilations) == (2 if target is shared else 1)
    assert target.read_bytes() == data or target is shared
    build()
    assert len(compilations) == (2 if target is shared else 1)


def test_a_foreign_entry_under_our_name_is_not_believed(folder, compilations):
    build()
    (program,) = folder.glob("*.json")
    other = folder / ("0" * 40 + ".json")
    other.write_bytes(program.read_bytes())
    assert cache.load("0" * 40, ".json") is None, "an entry belongs to its key"


def test_a_folder_others_may_write_is_not_used(folder, compilations):
    folder.mkdir()
    folder.chmod(0o777)
    fn, _ = build()
    assert fn([1.0, 2.0, 3.0]) == 6.0
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_made_works_uncached(tmp_path, monkeypatch, compilations):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "kept"))
    fn, _ = build()
    assert fn([1.0, 2.0, 3.0]) == 6.0


def test_two_at_once(folder):
    results = []

    def work():
        cache.store("a" * 40, ".json", b"data" * 10_000)
        results.append(cache.load("a" * 40, ".json"))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(found is not None and found[1] == b"data" * 10_000 for found in results)


def test_size_limit_removes_the_oldest(folder, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT_BYTES", 5_000)
    for k in range(8):
        path = cache.store(f"{k}" * 40, ".json", bytes(1_000))
        os.utime(path, (1_000 + k, 1_000 + k))
    kept = sorted(path.stem[0] for path in folder.glob("*.json"))
    assert kept == ["4", "5", "6", "7"]


def test_one_command_clears(folder):
    cache.store("b" * 40, ".json", b"x")
    (folder / "mine.txt").write_text("stays")
    done = subprocess.run(
        [sys.executable, "-m", "graphs", "cache", "clear"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("1 file")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


WARM = """
import sys
import numpy as np, pytensor, pytensor.tensor as pt
from graphs.native import native_mode
from graphs.compiled import compiler
if sys.argv[1] == "warm":
    compiler.Compilation = None
v = pt.dvector("v")
s = pytensor.shared(np.ones(3), name="s")
fn = pytensor.function([v], pt.sigmoid(s * v).sum(), updates=[(s, s - 0.3 * v)], mode=native_mode)
print(float(fn([1.0, 2.0, 3.0])), "numba" in sys.modules)
"""


def test_a_warm_process_starts_no_compiler_and_no_numba(folder):
    root = Path(__file__).parents[2]
    lines = []
    for state in ("cold", "warm"):
        command = [sys.executable, "-c", WARM, state]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=root)
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout)
    assert lines[0] == lines[1]
    assert lines[0].endswith("False\n")


def test_other_rewrites_are_other_programs(folder):
    mode = NativeMode(NativeLinker())
    graph = pytensor.graph.fg.FunctionGraph([v], [pt.log(1 - pt.sigmoid(v))], clone=True)
    keys = set()
    for each in (mode, mode.excluding("log1msigm_to_softplus"), mode.including("fusion")):
        rewriter = each.optimizer
        assert isinstance(rewriter, NativeRewriter)
        keys.add(store.Question.of(graph, rewriter.query).key)
    assert len(keys) == 3
    assert None not in keys


@pytest.mark.parametrize(
    "changed",
    [
        "native/linker.py",
        "native/run/store.py",
        "native/write/new.h",
        "native/new/step.c",
        "compiled/call.py",
    ],
)
def test_any_change_of_the_package_s_own_source_is_another_key(tmp_path, changed):
    digest = store.own_text.__wrapped__  # without its memory of the first time
    copies = tuple(tmp_path / package.name for package in store.PACKAGES)
    for package, copy in zip(store.PACKAGES, copies, strict=True):
        shutil.copytree(package, copy)
    before = digest(copies)
    (copies[0] / "README.md").write_text("not source")
    assert digest(copies) == before == store.own_text()
    path = tmp_path / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert digest(copies) != before


def test_key_does_not_depend_on_what_pytensor_imports_later():
    text = (
        "import sys, pytensor.tensor\n"
        "from graphs.native.run.fingerprint import surroundings\n"
        "early = surroundings(None)\n"
        "assert 'pytensor.sparse' not in sys.modules\n"
        "import pytensor.sparse.rewriting\n"
        "assert surroundings(None) == early\n"
        "from pytensor.tensor.rewriting.basic import register_canonicalize\n"
        "from pytensor.graph import node_rewriter\n"
        "@register_canonicalize\n"
        "@node_rewriter(None)\n"
        "def mine(fgraph, node): pass\n"
        "assert surroundings(None) != early\n"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=100)


def test_the_files_of_the_user_s_own_stay(tmp_path, monkeypatch):
    """Where the cache is said to be in a folder that is used for something else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.VARIABLE, ".")
    mine = {"package.json", "secret", "mine.so", "a" * 40 + ".txt"}
    for name in mine:
        Path(name).write_bytes(b"x" * cache.SECRET_BYTES)
    monkeypatch.setattr(cache, "LIMIT_BYTES", 100)
    for k in range(3):
        cache.store(f"{k}" * 40, ".json", bytes(100))
    assert cache.clear()[0] == len(cache.entries()) + 1
    assert set(os.listdir()) == mine


def test_clearing_says_what_stays(folder, monkeypatch):
    build()
    unlink, (library,) = Path.unlink, folder.glob("*.so")

    def refuse(path: Path, **options: bool) -> None:
        if path == library:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError, match=library.name):
        cache.clear()
    assert list(folder.iterdir()) == [library]


def test_what_others_left_in_a_folder_that_was_open_to_them_is_not_believed(folder, compilations):
    build()
    (program,), (library,) = folder.glob("*.json"), folder.glob("*.so")
    kept = {path: path.read_bytes() for path in (program, library)}
    cache.clear()
    folder.chmod(0o777)
    for path, data in kept.items():  # theirs, made where they knew a secret of their own
        path.write_bytes(data)
    folder.chmod(0o700)
    build()
    assert len(compilations) == 2
    build()
    assert len(compilations) == 2


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
@pytest.mark.parametrize("what", ["readable", "short", "a link", "a folder"])
def test_a_secret_that_is_none_is_replaced(folder, compilations, what):
    build()
    secret = folder / cache.SECRET
    assert secret.stat().st_mode & 0o777 == 0o600
    data = secret.read_bytes()
    if what == "readable":
        secret.chmod(0o644)
    else:
        secret.unlink()
        if what == "short":
            secret.write_bytes(data[:5])
        elif what == "a link":
            (folder / "elsewhere").write_bytes(data)
            (folder / "elsewhere").chmod(0o600)
            secret.symlink_to("elsewhere")
        else:
            secret.mkdir()
    build()
    assert len(compilations) == 2
    build()
    # a folder cannot be replaced: then nothing is kept
    assert len(compilations) == (3 if what == "a folder" else 2)
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("what", ["a pipe", "a link", "others may write it", "a folder", "too long"])
def test_what_is_no_plain_file_of_ours_is_not_read(folder, monkeypatch, what):
    key = "c" * 40
    path = cache.store(key, ".json", b"data")
    assert cache.load(key, ".json") == (path, b"data")
    if what == "others may write it":
        path.chmod(0o666)
    elif what == "too long":
        monkeypatch.setattr(cache, "LIMIT_BYTES", 20)
    else:
        path.rename(folder / "elsewhere")
        {"a pipe": os.mkfifo, "a link": lambda p: p.symlink_to("elsewhere"), "a folder": Path.mkdir}[what](
            path
        )
    assert cache.load(key, ".json") is None


def test_the_bytes_that_were_compared_are_loaded(folder, compilations, monkeypatch):
    build()
    (library,) = folder.glob("*.so")
    real = cache.load

    def changed_after(key, suffix):
        found = real(key, suffix)
        if suffix == ".so":
            library.write_bytes(b"not what was compared")
        return found

    monkeypatch.setattr(cache, "load", changed_after)
    fn, _ = build()
    assert fn([1.0, 2.0, 3.0]) == 6.0
    assert len(compilations) == 1


def odd_programs():
    """What may stand in a program's file, each with a mark that fits."""
    graph = pytensor.graph.fg.FunctionGraph([v], [v * 2], clone=True)
    good = json.loads(make_program(graph).to_json())
    deep = "[" * 100_000 + "]" * 100_000
    yield "deep", deep
    yield "deep inside", json.dumps(good | {"spans": "DEEP"}).replace('"DEEP"', deep)
    yield "deep beside", json.dumps(good | {"more": "DEEP"}).replace('"DEEP"', deep)
    yield "deep objects", '{"a":' * 100_000 + "1" + "}" * 100_000
    yield "no UTF-8", b"\xff\xfe{}"
    yield "a number", "1e999"
    yield "long number", json.dumps(good).replace('"format":', '"format": 1' + "0" * 5000)
    for field in good:
        yield f"without {field}", json.dumps({name: value for name, value in good.items() if name != field})
        for value in (None, True, -1, 2**70, 1.5, "x", [], {}, [[]], [None], [["float64"]], [[1, 2, [3]]]):
            if value != good[field]:
                yield f"{field} {value}", json.dumps(good | {field: value})
    changes = {
        "inputs": [
            [["float64", -1]],
            [["float64", 65]],
            [["object", 1]],
            [["float64", True]],
            [["float64", 2]],
        ],
        "outputs": [[["float32", 1]], [["float64", 0]], [["V8", 1]], [["float64", 1], ["float64", 1]]],
        "layouts": ["", "CC", "X"],
        "functions": [["scipy.linalg.cython_blas.dgemm"], ["os.system"], [1]],
        "performed": [[[0]], [["a", "b"]]],
        "generators": [[[0]], [[0, 1]], [["a", []]]],
        "constants": [["0x"], ["1e999999p"], ["0x1p99999"], [1.0]],
        "tables": [
            [["float64", [3], "AAAA"]],
            [["object", [1], "AAAA"]],
            [["float64", [-1], ""]],
            [["int8", [2**62], ""]],
            [["int8", [1] * 70, "AA=="]],
            [["int8", [3], "!!!!"]],
        ],
        "spans": [[[0, 1, []]], [[5, 2, []]], [[1, 10**6, []]], [[1, 2, [-1]]]],
        "errors": [[["ValueError"]], [[1, 2]]],
        "text": ["", "int one_step(void) { return 0; }"],
    }
    for field, values in changes.items():
        for value in values:
            yield f"{field} {value}", json.dumps(good | {field: value})


def test_a_program_of_any_other_content_counts_as_absent(folder):
    graph = pytensor.graph.fg.FunctionGraph([v], [v * 2], clone=True)
    question = store.Question.of(graph, None)
    key = question.key
    believed = []
    for name, text in odd_programs():
        cache.store(key, ".json", text if isinstance(text, bytes) else text.encode())
        assert cache.load(key, ".json") is not None
        if store.known(key, graph) is not None:
            believed.append(name)
    # only what a graph like this one may have
    assert set(believed) <= {"spans []", "spans [[1, 2, [3]]]", "pieces []", "errors []"}
    store.remember(question, make_program(graph))
    assert store.known(key, graph) is not None
    assert store.known(key, graph, "A") is None
    compiler._opening.cache_clear()


def test_scans_that_differ_in_what_they_look_back_at_have_programs_of_their_own(folder):
    def compiled(taps):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            start = {"initial": v, "taps": taps}
            found, _ = pytensor.scan(
                lambda a, b: 2 * a - b, outputs_info=[start], n_steps=3, return_updates=True
            )
        return pytensor.function([v], found, mode=NativeMode(NativeLinker()))

    def by_hand(first, second):
        values = [1.0, 2.0]
        for _ in range(3):
            values.append(2 * values[first] - values[second])
        return values[2:]

    start = [1.0, 2.0]
    np.testing.assert_array_equal(compiled([-2, -1])(start), by_hand(-2, -1))
    np.testing.assert_array_equal(compiled([-1, -2])(start), by_hand(-1, -2))
    again = compiled([-1, -2])
    assert again.maker.linker.from_cache
    np.testing.assert_array_equal(again(start), by_hand(-1, -2))


def test_a_miss_is_explained(folder, monkeypatch):
    def compiled(mode):
        fn = pytensor.function([v], v * 7.5 - 1, mode=mode)
        return explain(fn).cache

    mode = NativeMode(NativeLinker())
    assert compiled(mode) == "Its program was not in the cache: nothing has been kept yet."
    cache.clear()
    told = "Its program was not in the cache: this graph was never kept here, or has made room for others."
    assert compiled(mode) == told
    assert compiled(mode) == "Its program came from the cache."
    told = compiled(mode.excluding("local_mul_canonizer"))
    asked = "selection of rewrites by the mode"
    assert told == f"Its program was not in the cache: this graph was kept for another {asked}."
    monkeypatch.setattr(pytensor, "__version__", "1.2.3")
    told, version = compiled(mode), f"PyTensor ({metadata.version('pytensor')}, not 1.2.3)"
    assert told == f"Its program was not in the cache: this graph was kept for another {version}."


def test_what_is_never_kept_is_said(folder):
    fn = pytensor.function([v], DoubleOfMyOwn()(v), mode=NativeMode(NativeLinker()))
    assert "never kept" in explain(fn).cache
    np.testing.assert_array_equal(fn([1.0]), [2.0])


def test_an_entry_that_is_damaged_and_a_folder_for_all_are_said(folder):
    mode = NativeMode(NativeLinker())
    pytensor.function([v], v * 8.5, mode=mode)
    (path,) = folder.glob("*.json")
    path.write_bytes(path.read_bytes()[:-5])
    damaged = "what is kept for it is damaged, or was put there by somebody else."
    fn = pytensor.function([v], v * 8.5, mode=NativeMode(NativeLinker(cached=False)))
    assert explain(fn).cache == f"The cache does not have its program: {damaged}"
    fn = pytensor.function([v], v * 8.5, mode=mode)  # which puts another in its place
    assert explain(fn).cache == f"Its program was not in the cache: {damaged}"
    folder.chmod(0o777)
    fn = pytensor.function([v], v * 8.5, mode=mode)
    assert explain(fn).cache.endswith("is not used: it is not this user's alone.")
    folder.chmod(0o700)


class DoubleOfMyOwn(pytensor.graph.op.Op):
    __props__ = ()

    def make_node(self, value):
        return pytensor.graph.basic.Apply(self, [value], [value.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = 2 * inputs[0]


def test_why_nothing_is_there_is_said_of_a_folder_that_has_no_name_either(monkeypatch, tmp_path):
    for name, says in (
        (str(tmp_path / "none"), "nothing has been kept yet"),
        ("n" * 5_000, "cannot be looked at"),
    ):
        monkeypatch.setenv(cache.VARIABLE, name)
        assert says in cache.absence("0" * 40, ".json")
    there = store.Question({store.GRAPH: "one"})  # the folder could be looked at when it was asked
    assert "cannot be looked through" in there.why_missed()
