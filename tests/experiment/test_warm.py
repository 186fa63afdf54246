"""A run whose functions the cache holds imports no PyTensor, and comes to the same bits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from graphs.compiled import cache
from graphs.experiment import warm
from graphs.experiment.ahead import import_ahead
from graphs.experiment.reproduction import build
from graphs.experiment.settings import Settings
from tests.conftest import ROOT

SMALL = ("--samples", "30", "--features", "7", "--steps", "40", "--every", "3")
ENDED = """
import atexit, os, sys
atexit.register(lambda: print(*{"pytensor", "numba"} & set(sys.modules), "imported", file=sys.stderr))
sys.argv[0] = "graphs"
from graphs.commands.entry import enter
enter()
"""


def reproduced(folder: Path, *arguments: str, **env: str) -> tuple[dict, bool, str]:
    """What --json prints, whether PyTensor was imported, and what was said."""
    done = subprocess.run(
        [sys.executable, "-c", ENDED, "reproduce", *SMALL, "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "GRAPHS_NATIVE_CACHE": str(folder), **env},
    )
    assert done.returncode == 0, done.stderr
    *said, last = done.stderr.splitlines()
    summary = json.loads(done.stdout)
    assert set(summary.pop("times")) == {"import", "build", "first_call", "steps", "optimum"}
    return summary, "pytensor" in last, "\n".join(said)


def test_the_second_run_is_the_first_to_the_bit_without_pytensor(tmp_path):
    place = tmp_path / "cache"
    cold, imported, said = reproduced(place)
    assert imported
    found, imported, told = reproduced(place)
    assert not imported
    assert found == cold
    assert said == told == ""
    assert cold["linker"] == "NativeLinker"
    assert cold["optimum"]["found"]
    other, imported, _ = reproduced(place, "--seed", "3", "--samples", "20")  # other data, the same graph
    assert not imported
    assert other["final"] != cold["final"]
    for option in (("--learning-rate", "0.2"), ("--formula", "logits"), ("--dtype", "float32")):
        assert reproduced(place, *option)[1], option
    assert not reproduced(place, "--learning-rate", "0.2")[1]


@pytest.mark.long
def test_a_run_goes_on_to_the_bit_in_either_way(tmp_path):
    place, ordinary = tmp_path / "cache", tmp_path / "other"
    whole, _, _ = reproduced(place)
    script = (
        "from graphs.experiment.results import RunFolder\n"
        "from graphs.experiment.settings import Settings\n"
        "from graphs.experiment.reproduction import prepare\n"
        "from graphs.experiment.provenance import provenance\n"
        "from graphs.training import Stopped\n"
        "import sys\n"
        "settings = Settings(samples=30, features=7, steps=40, every=3)\n"
        "folder = RunFolder(sys.argv[1], resume=False)\n"
        "dataset = settings.load()\n"
        "progress = folder.begin(settings, dataset, provenance(settings))\n"
        "asked = iter([False] * 4 + [True] * 9)\n"
        "try:\n"
        "    prepare(settings, dataset=dataset).train(progress=progress, stop=lambda: next(asked),\n"
        "        checkpoint=lambda progress: folder.checkpoint(progress, settings, dataset))\n"
        "except Stopped as stopped:\n"
        "    print(stopped.progress.step, 'pytensor' in sys.modules)\n"
    )
    for begun, ended in ((place, ordinary), (tmp_path / "third", place)):
        out = tmp_path / f"run of {begun.name}"
        env = {**os.environ, "GRAPHS_NATIVE_CACHE": str(begun)}
        command = [sys.executable, "-c", script, str(out)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
        step, imported = done.stdout.split()
        assert 0 < int(step) < 40
        assert imported == str(begun != place)
        found, imported, said = reproduced(ended, "--out", str(out), "--resume")
        assert imported == (ended != place)
        assert (found, said) == (whole, "")


def test_what_is_damaged_or_of_other_settings_of_pytensor_is_not_used(tmp_path):
    place = tmp_path / "cache"
    cold, _, _ = reproduced(place)
    for name, value in (
        ("PYTENSOR_FLAGS", "optimizer_verbose=False"),
        ("PYTENSORRC", str(tmp_path / "none")),
    ):
        assert reproduced(place, **{name: value}) == (cold, True, "")
    for path in place.glob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"linker", b"Linker"))
    assert reproduced(place) == (cold, True, "")
    assert reproduced(place) == (cold, False, "")
    for path in place.glob("*.so"):
        path.unlink()
    assert reproduced(place) == (cold, False, "")  # compiled again, from the C that was kept
    for path in place.glob("*.so"):
        path.unlink()
    found, imported, said = reproduced(place, CC="no-such-compiler", PYTENSOR_FLAGS="mode=FAST_COMPILE")
    assert imported
    assert "no-such-compiler" in said
    assert found["linker"] != "NativeLinker"


def test_where_pytensor_is_imported_already_it_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    settings = Settings(samples=10, features=3)
    dataset = settings.load()
    first = build(settings, dataset)
    assert type(first).__name__ == "Functions"
    assert warm.known(settings, dataset) is None
    monkeypatch.delitem(sys.modules, "pytensor")  # as in another process
    found = warm.known(settings, dataset)
    assert isinstance(found, warm.WarmFunctions)
    assert (found.linker, found.takes_logarithms) == (first.linker, first.takes_logarithms)
    y = dataset.y.astype("float64")
    for one, other in zip(found.train(dataset.x, y), first.train(dataset.x, y), strict=True):
        np.testing.assert_array_equal(one, other)
    assert warm.known(Settings(samples=10, features=3, mode="FAST_COMPILE"), dataset) is None
    with pytest.raises(AttributeError, match="graph"):
        found.graph  # noqa: B018
    (kept,) = [path for path in tmp_path.glob("*.json") if b"takes_logarithms" in path.read_bytes()]
    data, _, _ = kept.read_bytes().rpartition(b"\n")
    for damaged in (
        data[:-9],
        b"{}",
        data.replace(b'"evaluate"', b'"another"'),
        re.sub(rb"0x1\.9", b"0x1.x", data),
    ):
        assert cache.store(kept.stem, ".json", damaged)
        told = []
        assert warm.known(settings, dataset, told.append) is None
        assert told == ["what the cache has is damaged"]


def test_modules_are_imported_meanwhile_and_what_cannot_be_is_not_said(capfd):
    before = sys.getswitchinterval()
    sys.modules.pop("wave", None)
    import_ahead("no.such.module", "wave")
    import_ahead("wave")
    for _ in range(200):
        if not [thread for thread in threading.enumerate() if thread.name == "imports ahead"]:
            break
        time.sleep(0.05)
    assert "wave" in sys.modules
    assert sys.getswitchinterval() == before
    assert capfd.readouterr() == ("", "")


UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


def test_the_report_says_where_the_functions_came_from_and_where_the_time_went(tmp_path):
    command = [sys.executable, "-m", "graphs", "reproduce", *SMALL]
    for env, said in (
        ({}, "compiled: the cache has none of these settings, versions and source"),
        ({}, "from the cache, without PyTensor"),
        ({"PYTENSORRC": "/none"}, "compiled: a file of settings says what PyTensor does"),
    ):
        env = {**os.environ, "GRAPHS_NATIVE_CACHE": str(tmp_path), "COLUMNS": "120", **env}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
        assert re.search(rf"^functions +{said} *$", done.stdout, re.M), done.stdout
        rows = re.findall(r"^(\w[\w :]*?) +([\d.]+) (s|ms|µs|ns)(?: +[█▏]+)? *$", done.stdout, re.M)
        seconds = {name: float(number) * UNITS[unit] for name, number, unit in rows}
        parts = [name for name in seconds if name not in ("together", "the optimum")]
        assert parts[0] == "import"
        assert parts[-1] == "first calls"
        if said.startswith("from"):
            assert parts[1:-1] == ["functions from the cache"]
        else:
            assert parts[-4:-1] == ["code generation", "gradients and all else", "compiler"]
        assert abs(sum(seconds[name] for name in parts) / seconds["together"] - 1) < 0.02
