"""Threads and forks: one native function called from eight threads, processes forked in the midst of a call.

Each attack is a program of its own, which may hang or crash: it has a time limit, and says what was wrong in lines
that begin with ``wrong:``. What is right is computed by NumPy, or by the same calls one after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack.tally import Tally
from tests.conftest import ROOT

BEGIN = """
import os, signal, sys, threading, time, warnings
import numpy as np, pytensor, pytensor.tensor as pt
from graphs.native import NativeLinker, NativeMode, repeat
warnings.simplefilter("ignore")  # of Python about forks in threaded processes
mode = NativeMode(NativeLinker(cached=False))
x, v = pt.dmatrix("x"), pt.dvector("v")
calls, count = int(sys.argv[1]), 0

def wrong(what):
    print("wrong:", what, flush=True)

def together(*work):
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def in_child(work, seconds=60):
    "Whether a forked child ends well in time."
    child = os.fork()
    if not child:
        signal.alarm(seconds)
        try:
            os._exit(0 if work() else 3)
        except BaseException as problem:
            print("wrong: in a child:", repr(problem), flush=True)
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

PROGRAMS = {
    "different inputs of one shape": """
fn = pytensor.function([x], [pt.exp(-x).sum(axis=0), (x * x).sum(axis=1)], mode=mode)
fn(np.ones((6, 5)))
def work(k):
    mine = [np.random.RandomState(10 * k + j).randn(6, 5) for j in range(10)]
    expected = [(np.exp(-a).sum(axis=0), (a * a).sum(axis=1)) for a in mine]
    for n in range(calls):
        found = fn(mine[n % 10])
        for f, e in zip(found, expected[n % 10]):
            if f.shape != e.shape or not np.allclose(f, e, 1e-12):
                return wrong(f"thread {k}, call {n}: other numbers")
together(*(lambda k=k: work(k) for k in range(8)))
""",
    "different shapes and memory orders": """
fn = pytensor.function([x], [pt.exp(-x).sum(axis=0), x * 2], mode=mode)
fn(np.ones((2, 2)))
def work(k):
    mine = np.random.RandomState(k).randn(3 + k, 2 + k % 3)
    mine = (mine, np.asfortranarray(mine), np.repeat(mine, 2, axis=1)[:, ::2])[k % 3]
    for n in range(calls // 4):
        a, b = fn(mine)
        if a.shape != mine.shape[1:] or not np.allclose(a, np.exp(-mine).sum(axis=0), 1e-12) or not np.array_equal(b, mine * 2):
            return wrong(f"thread {k}, call {n}: {a.shape}, {b.shape} for {mine.shape}")
together(*(lambda k=k: work(k) for k in range(8)))
""",
    "results that are kept": """
fn = pytensor.function([v], [v + 1, v * 2], mode=mode)
def work(k):
    kept = []
    for n in range(calls // 2):
        a = np.full(300, float(k * 10**6 + n))
        kept.append((a, *fn(a)))
        if len(kept) == 50:
            for a, plus, twice in kept:
                if not (np.array_equal(plus, a + 1) and np.array_equal(twice, a * 2)):
                    return wrong(f"thread {k}, call {n}: a kept result has changed")
            kept = kept[25:]
together(*(lambda k=k: work(k) for k in range(8)))
""",
    "shared updates": """
s, n_calls = pytensor.shared(np.zeros(50), name="s"), pytensor.shared(0.0, name="n")
fn = pytensor.function([v], [s.sum(), n_calls], updates=[(s, s + v), (n_calls, n_calls + 1)], mode=mode)
torn = []
def work(k):
    a = np.full(50, 2.0 ** -k)
    for n in range(calls):
        fn(a)
        now = s.get_value()
        if not (now == now[0]).all():
            return wrong(f"thread {k}, call {n}: the shared variable is torn")
together(*(lambda k=k: work(k) for k in range(8)))
total = calls * sum(2.0 ** -k for k in range(8))
if n_calls.get_value() != 8 * calls or s.get_value()[0] != total:
    wrong(f"updates are lost: {n_calls.get_value()} of {8 * calls} calls, {s.get_value()[0]} of {total}")
""",
    "many steps at once": """
s = pytensor.shared(np.zeros(20), name="s")
fn = pytensor.function([v], [(s * v).sum(), v * 3], updates=[(s, s + v)], mode=mode)
def work(k):
    a = np.full(20, 2.0 ** -k)
    for n in range(calls // 40):
        sums, triples = repeat(fn, 40, [a])
        if triples.shape != (40, 20) or not np.array_equal(triples, np.full((40, 20), 3 * 2.0 ** -k)):
            return wrong(f"thread {k}, call {n}: other numbers")
together(*(lambda k=k: work(k) for k in range(8)))
total = calls // 40 * 40 * sum(2.0 ** -k for k in range(8))
if s.get_value()[0] != total or not (s.get_value() == total).all():
    wrong(f"updates are lost: {s.get_value()[0]} of {total}")
""",
    "calls and many steps": """
s = pytensor.shared(np.zeros(20), name="s")
fn = pytensor.function([v], v * 3, updates=[(s, s + v)], mode=mode)
def work(k):
    a = np.full(20, 2.0 ** -k)
    for n in range(calls // 40):
        if k % 2:
            found = repeat(fn, 40, [a])[0]
        else:
            found = np.stack([fn(a) for _ in range(40)])
        if not np.array_equal(found, np.full((40, 20), 3 * 2.0 ** -k)):
            return wrong(f"thread {k}, call {n}: other numbers")
together(*(lambda k=k: work(k) for k in range(8)))
total = calls // 40 * 40 * sum(2.0 ** -k for k in range(8))
if not (s.get_value() == total).all():
    wrong(f"updates are lost: {s.get_value()[0]} of {total}")
""",
    "training in threads": """
import graphs
data = graphs.load(samples=30, features=7)
y = data.y.astype(float)
def learner():
    graph = graphs.logistic_graph(data.initial_w)
    return graphs.compile_functions(graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b]), "NATIVE")
alone, shared = learner(), learner()
alone.train_many(data.x, y, 8 * 100)
def work(k):
    for n in range(10):
        shared.train_many(data.x, y, 10)
together(*(lambda k=k: work(k) for k in range(8)))
for name, array in alone.read().items():
    if not np.array_equal(array, shared.read()[name]):
        wrong(f"{name} is not what as many steps in one thread make")
own = [learner() for _ in range(4)]
together(*(lambda f=f: f.train_many(data.x, y, 800) for f in own))
for k, each in enumerate(own):
    for name, array in alone.read().items():
        if not np.array_equal(array, each.read()[name]):
            wrong(f"learner {k}: {name} is another")
""",
    "compiled in threads": """
def work(k):
    fn = pytensor.function([v], pt.exp(v * (k % 3 + 1)).sum(), mode=mode)
    if not np.allclose(fn([1.0, 2.0]), np.exp(np.array([1.0, 2.0]) * (k % 3 + 1)).sum()):
        wrong(f"thread {k}: other numbers")
lock = threading.Lock()
def safely(k):
    with lock:  # PyTensor's own rewriting makes no promise here
        fn = pytensor.function([v], pt.exp(v * (k % 3 + 1)).sum(), mode=mode)
    if not np.allclose(fn([1.0, 2.0]), np.exp(np.array([1.0, 2.0]) * (k % 3 + 1)).sum()):
        wrong(f"thread {k}: other numbers")
together(*(lambda k=k: safely(k) for k in range(8)))
""",
    "first calls at once": """
for turn in range(max(calls // 500, 2)):
    fn = pytensor.function([v], pt.exp(v * (turn + 2)).sum(), mode=mode)
    def work(k):
        if not np.allclose(fn([1.0, float(k)]), np.exp(np.array([1.0, float(k)]) * (turn + 2)).sum()):
            wrong(f"turn {turn}, thread {k}: other numbers")
    together(*(lambda k=k: work(k) for k in range(8)))
""",
    "fork while a thread is inside": """
fn = pytensor.function([x], pt.exp(-x).sum(), mode=mode)
big, small = np.ones((700, 700)), np.ones((2, 2))
fn(small)
ended = False
def work():
    while not ended:
        fn(big)
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
for n in range(calls // 50):
    time.sleep(0.001 * (n % 4))
    code = in_child(lambda: abs(fn(small) - 4 * np.exp(-1)) < 1e-12)
    if code:
        wrong(f"fork {n}: the child ends with {code}" + (", it hangs" if code == -signal.SIGALRM else ""))
        break
ended = True
""",
    "fork while a thread takes many steps": """
s = pytensor.shared(np.zeros(2000), name="s")
fn = pytensor.function([v], (s * v).sum(), updates=[(s, s + v)], mode=mode)
a = np.ones(2000)
fn(a)
ended = False
def work():
    while not ended:
        repeat(fn, 3000, [a])
threading.Thread(target=work, daemon=True).start()
for n in range(calls // 50):
    time.sleep(0.001 * (n % 4))
    code = in_child(lambda: repeat(fn, 3, [a])[0].shape == (3,) and len(set(s.get_value())) == 1)
    if code:
        wrong(f"fork {n}: the child ends with {code}" + (", it hangs" if code == -signal.SIGALRM else ""))
        break
ended = True
""",
    "fork while a thread compiles": """
def work(factor):
    return float(pytensor.function([v], pt.exp(v * factor).sum(), mode=mode)([1.0, 2.0]))
for n in range(max(calls // 500, 3)):
    thread = threading.Thread(target=work, args=(n + 2.5,), daemon=True)
    fn = pytensor.function([v], pt.sin(v * (n + 3)).sum(), mode=mode)
    called = threading.Thread(target=lambda: fn([1.0]), daemon=True)
    called.start()  # waits for its compiler, and holds what it holds meanwhile
    time.sleep(0.02 * n)
    code = in_child(lambda: abs(float(fn([1.0])) - np.sin(n + 3)) < 1e-12, 60)
    if code:
        wrong(f"fork {n}: the child ends with {code}" + (", it hangs" if code == -signal.SIGALRM else ""))
    called.join()
""",
    "fork with a library begun, and in the child of a child": """
fn = pytensor.function([v], pt.exp(v * 7).sum(), mode=mode)
def right():
    return abs(float(fn([0.1])) - np.exp(0.7)) < 1e-12
code = in_child(lambda: right() and in_child(right, 60) == 0, 60)
if code:
    wrong(f"the child ends with {code}")
if not right():
    wrong("the parent computes something else")
""",
    "fork and threads in the child": """
fn = pytensor.function([x], pt.exp(-x).sum(axis=0), mode=mode)
big = np.random.RandomState(0).randn(3000, 1000)  # large enough for a team of threads
expected = fn(big)
def child():
    found = []
    together(*(lambda: found.append(fn(big)) for _ in range(4)))
    return len(found) == 4 and all(np.array_equal(f, expected) for f in found)
for n in range(3):
    code = in_child(child, 60)
    if code:
        wrong(f"fork {n}: the child ends with {code}")
if not np.array_equal(fn(big), expected):
    wrong("the parent computes something else after a fork")
""",
    "a process pool": """
import multiprocessing
fn = pytensor.function([v], pt.exp(v).sum(), mode=mode)
fn([1.0])
def work(k):
    return float(fn([0.0, np.log(k + 1)]))
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map_async(work, range(40)).get(timeout=60)
    if not np.allclose(found, np.arange(40) + 2):
        wrong(f"{found}")
""",
    "an error in one thread": """
fn = pytensor.function([x, v], pt.dot(x, v), mode=mode)
good = np.random.RandomState(1).randn(4, 3)
def bad():
    for n in range(calls // 4):
        try:
            fn(good, np.ones(2))
            return wrong("shapes that do not fit are taken")
        except ValueError:
            pass
def fine(k):
    a = np.full(3, float(k))
    for n in range(calls // 2):
        if not np.allclose(fn(good, a), good @ a):
            return wrong(f"thread {k}, call {n}: other numbers")
together(bad, bad, *(lambda k=k: fine(k) for k in range(6)))
""",
}


def run(
    text: str, *arguments: str, env: dict[str, str] | None = None, timeout: float = 240
) -> tuple[str, str]:
    """What a program prints, and what is wrong with it; empty where nothing is."""
    command = [sys.executable, "-X", "faulthandler", "-c", BEGIN + text, *arguments]
    environment = {
        **os.environ,
        "PYTENSOR_FLAGS": f"{os.environ.get('PYTENSOR_FLAGS', '')},mode=FAST_COMPILE".strip(","),
    }
    process = subprocess.Popen(
        command,
        env={**environment, **(env or {})},
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, said = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # its children too: the group is its own
        process.communicate()
        return "", f"hangs for {timeout:g} s"
    told = [line for line in printed.splitlines() if line.startswith("wrong:")]
    if told:
        return printed, f"{told[0]}{f' and {len(told) - 1} more' if told[1:] else ''}"
    return (
        printed,
        "" if process.returncode == 0 and not said else f"exit code {process.returncode}: {said[-300:]!r}",
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_threads_and_forks(name: str, tmp_path: Path, tally: Tally, times: int) -> None:
    if "fork" in name and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    env = {"GRAPHS_NATIVE_CACHE": str(tmp_path / "kept"), "TMPDIR": str(tmp_path)}
    for threads in ("1", "2") if name.startswith(("different", "fork and")) else ("",):
        team = {"OMP_NUM_THREADS": threads} if threads else {}
        case = f"{name}{f', OMP_NUM_THREADS={threads}' if threads else ''}"
        tally.case(case, run(PROGRAMS[name], str(1500 * times), env={**env, **team})[1])
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith("graphs-")]
    tally.case(f"{name}, afterwards", f"{left} is left" if left else "")


BITS = """
import hashlib, graphs
for samples, features, steps in ((400, 784, 30), (3000, 900, 5), (20, 3, 200), (1, 1, 50), (2500, 1, 20), (1, 3000, 20)):
    for dtype in ("float64", "float32"):
        data = graphs.load(samples=samples, features=features, dtype=dtype)
        graph = graphs.logistic_graph(data.initial_w, dtype=dtype)
        functions = graphs.compile_functions(graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b]), "NATIVE")
        y = data.y.astype(dtype)
        functions.train_many(data.x, y, steps)
        functions.train(data.x, y)
        held = [*functions.read().values(), *map(np.asarray, functions.evaluate(data.x, y))]
        print(samples, features, dtype, hashlib.sha256(b"".join(a.tobytes() for a in held)).hexdigest()[:12])
large = np.random.RandomState(1).randn(2500, 1000)
for name, expression in (("sum", x.sum()), ("rows", x.sum(axis=1)), ("columns", x.sum(axis=0)), ("max", x.max()),
                         ("product", pt.dot(x, x[0])), ("transposed", pt.dot(x.T, x[:, 0])), ("mean of exp", pt.exp(x).mean())):
    for array in (large, np.asfortranarray(large)):
        found = np.asarray(pytensor.function([x], expression, mode=mode)(array))
        print(name, array.flags.c_contiguous, hashlib.sha256(found.tobytes()).hexdigest()[:12])
"""


def test_the_bits_do_not_depend_on_the_number_of_threads(tmp_path: Path, tally: Tally) -> None:
    """Training at several sizes, sums over large arrays: with one thread, two, three, and as many as there are cores."""
    env = {"GRAPHS_NATIVE_CACHE": str(tmp_path / "kept")}
    found: dict[str, list[str]] = {}
    for threads in ("1", "2", "3", ""):
        printed, problem = run(BITS, "0", env={**env, "OMP_NUM_THREADS": threads} if threads else env)
        tally.case(f"OMP_NUM_THREADS={threads or 'unset'} runs", problem)
        found[threads] = printed.splitlines()
    for threads in ("2", "3", ""):
        for one, other in zip(found["1"], found[threads], strict=False):
            name, _, _ = one.rpartition(" ")
            tally.case(
                f"{name}: OMP_NUM_THREADS 1 and {threads or 'unset'}", "" if one == other else "other bits"
            )
