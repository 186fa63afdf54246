"""What is installed is what is meant: every install command names our distribution or one that is listed here."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest

from graphs.errors import DISTRIBUTION, install_command
from tests.conftest import ROOT

SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
# Others that a text may tell to install: what a peer, a rewrite or .ci/run needs.
OTHERS = {"aesara", "Theano", "numpy", "scipy", "packaging", "torch", "build"}
NAME = re.compile(r"([A-Za-z0-9][\w.-]*?)(?:\[([\w,-]+)\])?(?:[=<>~!]=?.*)?")
PLACES = [
    *sorted((ROOT / "graphs").rglob("*.py")),
    *sorted((ROOT / "graphs").rglob("*.md")),
    *sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file()),
    ROOT / "README.md",
    ROOT / ".ci/run",
]
PLACES.remove(ROOT / "graphs/errors.py")  # makes them; what it makes is checked below


def lines(section: str, option: str) -> list[str]:
    return [line for line in SETUP[section][option].splitlines() if line and not line.startswith("#")]


def extras() -> set[str]:
    return set(SETUP["options.extras_require"])


def told_to_install(text: str) -> list[str]:
    """What follows each ``pip install`` up to where the command ends, without options and without paths."""
    named = []
    for command in re.findall(r"\bpip\"? install ((?:(?!pip\"? install).)*)", text):
        for word in command.split():
            if re.match(r"\(|&&|\|\||\d*>", word):
                break
            bare = re.match(r"['\"]?([^'\"`;)]*)", word)[1].rstrip(",.")
            if bare and not re.match(r"[-.$/]|\d+$", bare):
                named.append(bare)
            if re.search(r"[`;),.]$|\"$", word):
                break
    return named


def complaint(requirement: str) -> str:
    """Why nobody may be told to install this; empty where they may."""
    found = NAME.fullmatch(requirement)
    if not found:
        return f"{requirement!r} is no requirement"
    name, wanted = found[1], set(filter(None, (found[2] or "").split(",")))
    if name in OTHERS:
        return ""
    if name != DISTRIBUTION:
        return f"{name} is neither ours nor one that is listed"
    return "" if wanted <= extras() else f"there is no extra {wanted - extras()}"


def test_our_name():
    assert SETUP["metadata"]["name"] == DISTRIBUTION
    assert (
        complaint(f"{DISTRIBUTION}[pictures]") == complaint(DISTRIBUTION) == complaint("numpy==1.21.6") == ""
    )
    assert complaint("graphs[pictures]")  # somebody else's
    assert complaint(f"{DISTRIBUTION}[nosuch]")
    text = """see pip install 'graphs[a]' (as said), `pip install -q b c>1` too; "x/pip" install ./here d
        pip install e; or pip install f, then g, or pip install --retries 2 h 2>/dev/null ||"""
    assert told_to_install(text) == ["graphs[a]", "b", "c>1", "d", "e", "f", "h"]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_install_command_names_what_is_meant(path):
    wrong = [complaint(word) for word in told_to_install(path.read_text())]
    assert not list(filter(None, wrong))


def test_every_extra_that_the_package_asks_for_is_declared():
    named = [
        extra
        for path in PLACES
        for extra in re.findall(r"install_command\(['\"]([\w-]+)['\"]\)", path.read_text())
    ]
    assert named
    for extra in named:
        assert not complaint(install_command(extra).removeprefix("pip install ").strip("'"))


def test_nothing_is_listed_twice():
    groups = [lines("options", "install_requires"), *(lines("options.extras_require", e) for e in extras())]
    for group in groups:
        names = [NAME.fullmatch(line)[1].lower() for line in group]
        assert len(names) == len(set(names))
    own = [line for group in groups for line in group if line.startswith(DISTRIBUTION)]
    assert own
    assert not list(filter(None, map(complaint, own)))


def test_the_version_and_the_name_are_those_of_the_citation():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {SETUP['metadata']['version']}\n" in citation
    assert f"title: {DISTRIBUTION}\n" in citation
    assert f"license: {SETUP['metadata']['license']}\n" in citation
