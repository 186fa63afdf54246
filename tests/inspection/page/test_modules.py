"""The page's JavaScript by itself: its types, its logic under Node, and that what is bundled is what was published."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from graphs.inspection import Recording
from graphs.inspection.file import to_json
from graphs.inspection.show.page.document import MODULES, VENDORED, program
from graphs.inspection.show.page.drawn import draw
from tests.conftest import ROOT
from tests.inspection.page.conftest import HERE, node_modules

pytestmark = pytest.mark.once

SOURCES = ROOT / "graphs/inspection/show/page"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def test_every_module_is_in_the_page_after_those_that_it_imports() -> None:
    assert sorted(MODULES) == sorted(path.stem for path in (SOURCES / "modules").glob("*.js"))
    seen: set[str] = set()
    for name in MODULES:
        text = (SOURCES / f"modules/{name}.js").read_text()
        imported = re.findall(r'^import .* from "\./(\w+)\.js";$', text, flags=re.MULTILINE)
        assert text.count("\nimport ") + text.startswith("import ") == len(imported), name
        assert set(imported) <= seen, name
        seen.add(name)
    # in comments they stand for types
    code = re.sub(r"^\s*(/?\*|//).*$|/\*\*.*?\*/", "", program(), flags=re.MULTILINE)
    assert not re.search(r"\bimport\b|^export\b", code, flags=re.MULTILINE)


def test_nothing_is_parsed_as_markup_or_run_as_text() -> None:
    code = re.sub(r"^\s*(/?\*|//).*$", "", program(), flags=re.MULTILINE)
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
        r"|dangerouslySet\w*|fetch\(|XMLHttpRequest|WebSocket|import\(",
        code,
    )
    assert not found


def test_the_types_are_right() -> None:
    compiler = node_modules() / ".bin/tsc"
    ran = subprocess.run([compiler, "-p", HERE], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@needs_node
def test_their_logic(examined: Recording, tmp_path: Path) -> None:
    for path in (SOURCES / "modules").glob("*.js"):
        shutil.copy(path, tmp_path)
    shutil.copy(HERE / "modules.test.mjs", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "recording.json").write_text(to_json(examined))
    (tmp_path / "drawn.json").write_bytes(msgspec.json.encode(draw(examined)))
    assert examined.evaluation is not None
    latest = {}
    bad = []
    for snapshot in examined.snapshots:
        latest |= {
            v.variable: v.nan + v.inf for v in examined.evaluation.values if v.snapshot == snapshot.index
        }
        bad.append(sum(latest.get(out, 0) for node in snapshot.nodes for out in node.outputs))
    expected = {
        "snapshots": [
            {
                "nodes": {node.node: node.inputs for node in found.nodes},
                "outputs": found.outputs,
                "nonfinite": count,
            }
            for found, count in zip(examined.snapshots, bad, strict=True)
        ],
        "verdicts": [step.verdict for step in examined.evaluation.steps],
    }
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    assert NODE is not None
    ran = subprocess.run([NODE, "--test", "modules.test.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = re.search(r"^# pass (\d+)$", ran.stdout, flags=re.MULTILINE)
    assert told, ran.stdout
    assert int(told[1]) > 10


@pytest.mark.parametrize("name", VENDORED)
def test_what_is_bundled_is_as_it_was_published(name: str) -> None:
    package, version, file = re.fullmatch(r"(\w+)-([\d.]+)/(.+)", name).groups()  # type: ignore[union-attr]
    here = SOURCES / "vendored" / name
    assert (here.parent / "LICENSE").exists()
    published = node_modules() / {"htm": "htm", "uplot": "uplot"}[package]
    assert json.loads((published / "package.json").read_text())["version"] == version
    folder = {"htm": "preact", "uplot": "dist"}[package]
    assert here.read_bytes() == (published / folder / file).read_bytes()
