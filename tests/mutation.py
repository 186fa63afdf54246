"""Is every line of the numeric core held by a test? ``scripts/run mutate [MUTANT …]`` prints what no test sees.

mutmut (settings: ``[mutmut]`` in setup.cfg) writes a copy of the tree, under ``mutants/``, in which one thing at a time
can be changed. Here the tests are collected once for each module, and every change is judged in a fork of that process
by those of its mirror file that reach the changed function: 3,000 starts of pytest would take hours.
What changes nothing that can be seen is an equivalent, and listed in tests/mutation.md with the reason. Fails where
fewer than nine in ten of all others were killed, in a module or in all.

``mutants/`` keeps what was killed: a second run judges what has changed since and what survived; remove it to judge all
anew. ``JOBS=1`` says how many are judged side by side (default: one for each core).
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LEAST = 0.9
KILLED, SURVIVED, UNREACHED = 1, 0, 33  # as mutmut writes them
ENDINGS = {
    SURVIVED: "survived",
    UNREACHED: "survived",
    None: "not run",
}  # all else: a failure, a crash, for ever
ELSEWHERE = "graphs.lessons.hours.x_in_pytorch__*"  # PyTorch's own, which need not be installed
# A change that runs for ever: so many times what the tests take, and so many seconds more, of the processor's time, for
# others may use it too. A lock that nobody opens takes none.
PATIENCE, GRACE, LOCKED = 10, 10, 600
HEAVY = ("numpy.", "scipy.", "pytensor.")  # what the tests import of these is imported before the first fork

# Who judges. Not those that wait for a C compiler or for Numba, and none that draws its cases, for those who fail look for
# a smaller case; of those that compile one graph in many ways, two ways.
MIRRORS = {
    "graphs/data.py": "tests/test_data.py",
    "graphs/models/logistic.py": "tests/models",
    "graphs/updates.py": "tests/test_updates.py",
    "graphs/rewrites/gram.py": "tests/rewrites",
    "graphs/rewrites/linear_forms.py": "tests/rewrites",
    "graphs/rewrites/translation.py": "tests/rewrites",
    "graphs/functions.py": "tests/test_functions.py",
    "graphs/gram_functions.py": "tests/test_gram_functions.py",
    "graphs/training.py": "tests/test_training.py",
    "graphs/solving.py": "tests/test_solving.py",
    "graphs/experiment/checkpoints.py": "tests/experiment/test_checkpoints.py",
    "graphs/lessons/hours.py": "tests/lessons/test_other_experiments.py",
}
SLOW = (
    "NUMBA or CVM or NATIVE or figures or in_the_c_file or float32_stays or both_formulas or jaxs or pytorchs or log1p"
    " or diverging_step or wrong_optimum or after_200 or every_kth or models_at or overflowing or an_op_that"
    " or random_linear or extreme_logits or finite_differences or every_truncation or flipped_bits or at_start"
    " or the_plot or test_the_plane[ or the_slopes or float32-momentum or float64-gradient_descent or float64-momentum-0.0-"
    " or float32-gradient_descent-0.0-"
)


def equivalents() -> list[tuple[str, str, list[str]]]:
    """Of every row of the table: where it holds, what is written there, and what may stand in its place."""
    rows = []
    for line in (ROOT / "tests" / "mutation.md").read_text(encoding="utf-8").splitlines():
        cells = [re.findall(r"`([^`]*)`", cell) for cell in line.strip("| ").split(" | ")]
        if len(cells) == 4 and cells[0]:
            rows.append((cells[0][0], cells[1][0], cells[2]))
    return rows


def bodies(path: Path) -> dict[str, str]:
    """The text of every function in a file of mutants, its name left out and its blanks made equal."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    return {
        node.name: " ".join("".join(lines[node.lineno - 1 : node.end_lineno]).replace(node.name, "").split())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }


def is_equivalent(name: str, written: str, mutated: str, rows: list[tuple[str, str, list[str]]]) -> bool:
    """Whether a row of the table turns what is written into the mutant."""
    for where, original, others in rows:
        if not fnmatch(name, where):
            continue
        for place in re.finditer(re.escape(original), written):
            if mutated in (written[: place.start()] + other + written[place.end() :] for other in others):
                return True
    return False


def judged() -> Iterator[tuple[str, str, str]]:
    """Of every mutant: its module, its name, and how it ended."""
    rows = equivalents()
    for kept in sorted((ROOT / "mutants" / "graphs").rglob("*.meta")):
        module = kept.relative_to(ROOT / "mutants").as_posix().removesuffix(".meta")
        functions = bodies(kept.with_suffix(""))
        for name, code in json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if fnmatch(name, ELSEWHERE):
                continue
            ending = ENDINGS.get(code, "killed")
            own = name.rpartition(".")[2]
            written = functions[own.rpartition("__mutmut_")[0] + "__mutmut_orig"]
            if ending == "survived" and is_equivalent(name, written, functions[own], rows):
                ending = "equivalent"
            yield module, name, ending


class Judge:
    """What pytest does with the tests of a module, once it has collected them, is this."""

    def __init__(self, data: Any, names: list[str]) -> None:
        self.data, self.names = data, names
        self.kills: Counter[str] = Counter()
        self.says = -1  # in a fork of a mutant, where the test that kills it is named
        self.in_a_fork = False

    def pytest_runtestloop(self, session: Any) -> bool:
        reached, seconds = self.reached(session.items)
        running: dict[int, tuple[str, int]] = {}
        for name in self.names:
            if len(running) == int(os.environ.get("JOBS", os.cpu_count() or 1)):
                self.note(running)
            function = name.rpartition("__mutmut_")[0]
            tests = [item for item in session.items if function in reached[item.nodeid]]
            if not tests:
                self.data.exit_code_by_key[name] = UNREACHED
                continue
            # Who has killed most in the least time comes first, and where nobody has, the quickest.
            tests.sort(key=lambda item: (seconds[item.nodeid] + 0.01) / (self.kills[item.nodeid] + 0.01))
            limit = int(PATIENCE * sum(seconds[item.nodeid] for item in tests)) + GRACE
            reads, self.says = os.pipe()
            running[self.forked(name, lambda tests=tests: self.run(tests), limit)] = name, reads
            os.close(self.says)
        while running:
            self.note(running)
        self.keep()
        return True

    def note(self, running: dict[int, tuple[str, int]]) -> None:
        """Wait for one of them."""
        pid, status = os.wait()
        name, reads = running.pop(pid)
        with os.fdopen(reads) as pipe:
            self.kills[pipe.read()] += 1
        self.data.exit_code_by_key[name] = os.waitstatus_to_exitcode(status)
        self.keep()

    def keep(self) -> None:
        """Write what is known, whole, for the next run begins with it."""
        kept = self.data.meta_path
        self.data.meta_path = kept.with_suffix(".new")
        self.data.save()
        self.data.meta_path.replace(kept)
        self.data.meta_path = kept

    def reached(self, items: list[Any]) -> tuple[dict[str, list[str]], dict[str, float]]:
        """Of every test the functions that it reaches, and how long it takes; with nothing changed they must hold."""
        from mutmut.state import state

        reads, writes = os.pipe()

        def all_of_them() -> None:
            found: dict[str, list[str]] = {}
            seconds = {}
            for item, following in zip(items, [*items[1:], None], strict=True):
                began = time.process_time()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds[item.nodeid] = time.process_time() - began
                found[item.nodeid] = list(state()._stats)
                state()._stats.clear()
            with os.fdopen(writes, "w") as pipe:
                json.dump([found, seconds, [name for name in sys.modules if name.startswith(HEAVY)]], pipe)

        child = self.forked("stats", all_of_them, resource.RLIM_INFINITY, quiet=False)
        os.close(writes)
        with os.fdopen(reads) as pipe:
            text = pipe.read()
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise SystemExit("a test fails with nothing changed")
        found, seconds, modules = json.loads(text)
        for name in modules:  # once, and not in every fork
            importlib.import_module(name)
        return found, seconds

    def run(self, items: list[Any]) -> None:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def forked(self, mutant: str, work: Callable[[], None], limit: int, *, quiet: bool = True) -> int:
        """A child in which the mutant is what runs."""
        from mutmut.mutation.trampoline import set_mutant_under_test

        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        try:
            self.in_a_fork = True
            set_mutant_under_test(mutant)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            if quiet:
                for descriptor in (1, 2):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
                signal.alarm(LOCKED)
            work()
        except BaseException:
            os._exit(KILLED)
        os._exit(SURVIVED)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and self.in_a_fork:
            if self.says < 0:  # nothing is changed
                print(report.longrepr, flush=True)
            else:
                os.write(self.says, report.nodeid.encode())
            os._exit(KILLED)


def judge(path: str, data: Any, names: list[str]) -> int:
    """Judge those mutants of a module, in a child that alone imports it: its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    import pytest

    data.meta_path = data.meta_path.absolute()
    os.chdir("mutants")
    options = ["--rootdir=.", "-qq", "-s", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
    os._exit(pytest.main([MIRRORS[path], *options], plugins=[Judge(data, names)]))


def main() -> int:
    """Judge what is to be judged, then print the table and what survived."""
    os.chdir(ROOT)
    # One thread each: mutants run side by side, and a library with threads does not fork.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    os.environ["PY_IGNORE_IMPORTMISMATCH"] = "1"  # pytest's: the tests are those of the copy
    from mutmut import __main__ as mutmut
    from mutmut.mutation.trampoline import set_mutant_under_test

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    with mutmut.CatchOutput():
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.setup_source_paths()
        mutmut.create_mutants(os.cpu_count() or 1)
    set_mutant_under_test("")
    asked, modules = mutmut.collect_source_file_mutation_data(mutant_names=sys.argv[1:])
    for path, data in modules.items():
        open_ones = [
            n for d, n, code in asked if d is data and ENDINGS.get(code) and not fnmatch(n, ELSEWHERE)
        ]
        if open_ones and (code := judge(path, data, open_ones)):
            return code
    return shown()


def shown() -> int:
    """Print what survived and the table; whether a module, or all of them, falls short."""
    counts: dict[str, Counter[str]] = {}
    for module, name, ending in judged():
        for row in (module, "in all"):
            counts.setdefault(row, Counter())[ending] += 1
        if ending == "survived":
            print(f"survived: {name}   (mutmut show {name})")
    print(f"\n{'':36}  mutants   killed  survived  equivalent  not run    rate")
    rates = []
    for module, count in sorted(counts.items(), key=lambda row: row[0] == "in all"):
        seen = count["killed"] / max(count["killed"] + count["survived"], 1)
        numbers = f"{count['killed']:9,}{count['survived']:10,}{count['equivalent']:12,}{count['not run']:9,}"
        print(f"{module:36}{count.total():9,}{numbers}{seen:8.1%}")
        if count["killed"] + count["survived"]:
            rates.append(seen)
    return int(min(rates) < LEAST)


if __name__ == "__main__":
    sys.exit(main())
