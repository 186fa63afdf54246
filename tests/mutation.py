"""Is every line of the numeric core held by a test? ``scripts/run mutate [MUTANT …]`` prints what no test sees.

mutmut (settings: ``[mutmut]`` in setup.cfg) changes one thing at a time, in a copy of the tree under ``mutants/``,
and runs the tests that reach the changed function. What changes nothing that can be seen is an equivalent, and
listed in tests/mutation.md with the reason. Fails where fewer than nine in ten of all others were killed.
``mutants/`` keeps what is known: a second run judges what has changed since; remove it to judge all anew.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAST = 0.9
ENDINGS = {1: "killed", 3: "killed", 0: "survived", 5: "survived", 33: "survived", None: "not run"}
ELSEWHERE = "graphs.lessons.hours.x_in_pytorch__*"  # PyTorch's own, which need not be installed
TIMEOUTS = {24, -24, 152, 36, 255}  # it ran for ever, which a test notices


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
            ending = "killed" if code in TIMEOUTS else ENDINGS.get(code, "killed")  # -11: a crash is seen too
            own = name.rpartition(".")[2]
            written = functions[own.rpartition("__mutmut_")[0] + "__mutmut_orig"]
            if ending == "survived" and is_equivalent(name, written, functions[own], rows):
                ending = "equivalent"
            yield module, name, ending


def main() -> int:
    """Run mutmut, then print the table and what survived."""
    # One thread each: mutants run side by side, and a library with threads does not fork.
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    mutmut = [Path(sys.executable).with_name("mutmut"), "run", *sys.argv[1:]]
    ran = subprocess.run(mutmut, cwd=ROOT, env={**os.environ, **alone}, check=False).returncode
    if ran:
        return ran
    counts: dict[str, Counter[str]] = {}
    for module, name, ending in judged():
        for row in (module, "in all"):
            counts.setdefault(row, Counter())[ending] += 1
        if ending == "survived":
            print(f"survived: {name}   (mutmut show {name})")
    print(f"\n{'':36}  mutants   killed  survived  equivalent  not run    rate")
    for module, count in sorted(counts.items(), key=lambda row: row[0] == "in all"):
        seen = count["killed"] / max(count["killed"] + count["survived"], 1)
        numbers = f"{count['killed']:9,}{count['survived']:10,}{count['equivalent']:12,}{count['not run']:9,}"
        print(f"{module:36}{count.total():9,}{numbers}{seen:8.1%}")
    return int(seen < LEAST)


if __name__ == "__main__":
    sys.exit(main())
