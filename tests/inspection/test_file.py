"""One documented JSON file: back as it was, or refused by name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import InputError
from graphs.inspection import Inspection, Recording, diagnose, load, save
from graphs.inspection.file import COLUMNS, from_json, schema, to_json
from tests.inspection.conftest import PYTHON, Train

pytestmark = pytest.mark.once

HEAD = b'{"format":"graphs recording","version":6,"columns":%b,' % json.dumps(COLUMNS).encode()


@pytest.fixture(scope="module")
def full(evaluated: Recording) -> Recording:
    return msgspec.structs.replace(evaluated, diagnoses=diagnose(PYTHON, ["sigmoid"]))


def test_saved_and_loaded_back_equal(full: Recording, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    save(full, path)
    assert load(path) == full
    assert load(path).snapshots == full.snapshots


def test_the_train_recording_is_small(train: Train, asked: Inspection) -> None:
    """With everything in it. What is compiled without a rule is one row each: two stand for all."""
    some = asked.leave_out(rules=["local_add_canonizer", "local_log1p"], rounds=1)
    known = some.diagnose().measure(seconds=0.1).recording
    worst = max(known.counterfactuals or (), key=lambda found: len(found.outputs))
    number = len(known.rules)
    rows = tuple(msgspec.structs.replace(worst, rule=i % number) for i in range(number + 3))
    full = msgspec.structs.replace(known, counterfactuals=rows)
    size = len(to_json(full).encode())
    assert size <= 250_000
    assert from_json(to_json(full)) == full


def test_columns_name_what_stands_in_rows(full: Recording) -> None:
    document = json.loads(to_json(full))
    named = document["columns"]
    for table, name in (("nodes", "Node"), ("steps", "Step"), ("variables", "Variable")):
        for row in document["recording"][table]:
            assert len(row) <= len(named[name])
    first = dict(zip(named["Step"], document["recording"]["steps"][0], strict=False))
    assert first["phase"] == full.steps[0].phase
    assert tuple(first["gone"]) == full.steps[0].gone


def test_numbers_that_json_lacks_come_back(train: Train) -> None:
    odd = msgspec.structs.replace(train.recording, seconds=float("inf"), recorder_seconds=float("-inf"))
    assert from_json(to_json(odd)) == odd
    text = to_json(msgspec.structs.replace(odd, seconds=float("nan")))
    assert '"seconds":{"float":"NaN"}' in text
    assert from_json(text).seconds != from_json(text).seconds
    assert '"recorder_seconds":{"float":"-Infinity"}' in text
    jsonschema.validate(json.loads(text), schema(), cls=jsonschema.Draft202012Validator)
    named = msgspec.structs.replace(
        train.recording, name="NaN", stamp={"float": "Nan", "floats": {"float": 1}}
    )
    assert from_json(to_json(named)) == named  # what only looks like one


def test_the_schema_says_what_every_field_is() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    json.dumps(schema(), allow_nan=False)
    undocumented = [
        f"{name}.{item['title']}"
        for name, definition in schema()["$defs"].items()
        for item in [*definition.get("properties", {}).values(), *definition.get("prefixItems", [])]
        if "description" not in item and name != "Spread"
    ]
    assert undocumented == []


def test_a_recording_obeys_the_schema(full: Recording) -> None:
    jsonschema.validate(json.loads(to_json(full)), schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "not JSON"),
        (b"\x80\x04\x95.", "not JSON"),  # how a pickle begins
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "another kind"),
        (b"[]", "another kind"),
        (b'{"format":"graphs comparison","version":1}', "another kind"),
        (b'{"format":"graphs recording","version":1,"recording":{}}', "version 1"),
        (b'{"format":"graphs recording","version":2,"columns":{},"recording":{}}', "version 2"),
        (b'{"format":"graphs recording","version":true,"recording":{}}', "version True"),
        (b'{"format":"graphs recording","version":6.0,"recording":{}}', "damage at $"),
        (b'{"format":"graphs recording","version":3,"columns":{},"recording":{}}', "version 3"),
        (b'{"format":"graphs recording","version":4,"columns":{},"recording":{}}', "version 4"),
        (b'{"format":"graphs recording","version":6}', "field"),
        (b'{"format":"graphs recording","version":6,"columns":{},"recording":{}}', "columns"),
        (HEAD + b'"more":1,"recording":{}}', "`more`"),
        (HEAD + b'"recording":{}}', "missing required field `name`"),
        (HEAD + b'"recording":{"seconds":NaN}}', "not JSON"),
        (HEAD + b'"recording":{"seconds":Infinity}}', "not JSON"),
    ],
)
def test_foreign_files_are_refused_by_name(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        load(path)
    assert refusal.value.argument == str(path)
    assert found in refusal.value.found


def test_missing_files_and_folders_are_refused_by_name(train: Train, tmp_path: Path) -> None:
    for call in (
        lambda: load(tmp_path / "none.json"),
        lambda: load(tmp_path),
        lambda: save(train.recording, tmp_path / "no folder" / "x.json"),
    ):
        with pytest.raises(InputError) as refusal:
            call()
        assert str(tmp_path) in str(refusal.value)


def damage(document: Any, path: list[Any], value: Any) -> Any:
    document = copy.deepcopy(document)
    holder = document["recording"]
    for key in path[:-1]:
        holder = holder[key]
    if value is KeyError:
        del holder[path[-1]]
    elif value is IndexError:
        holder[path[-1]].append(1)
    else:
        holder[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["nodes", 0, 0], 10_000),  # its Op
        (["nodes", 0, 0], -1),
        (["nodes", 0, 0], 1.5),
        (["nodes", 0, 0], "0"),
        (["nodes", 0, 0], True),
        (["nodes", 0, 1], [99_999]),  # its inputs
        (["nodes", 0], KeyError),
        (["nodes", 0, 3], KeyError),  # its origin
        (["nodes", 0], IndexError),  # an entry more
        (["nodes", 0], {}),
        (["variables", 3, 1], None),  # its Type
        (["steps", 5, 2], [0, 0]),  # nodes gone
        (["steps", 5], KeyError),
        (["steps", 0, 1], 1000),  # its rule
        (["final_order"], [0]),
        (["first_nodes"], []),
        (["outputs"], []),
        (["seconds"], "soon"),
        (["seconds"], True),
        (["seconds"], None),
        (["seconds"], "NaN"),
        (["seconds"], {"float": "nan"}),
        (["surprise"], 1),
        (["stamp"], []),
        (["ops", 0, 3], [[0]]),  # what it destroys
        (["rules", 0, 2], "merge"),  # names it is registered under
    ],
)
def test_damage_is_refused(train: Train, path: list[Any], value: Any) -> None:
    broken = damage(json.loads(to_json(train.recording)), path, value)
    with pytest.raises(InputError) as refusal:
        from_json(json.dumps(broken), name="train.json")
    assert refusal.value.argument == "train.json"
    assert "damage at $.recording" in refusal.value.found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["evaluation", "values", 0, 1], 9_999),  # its variable
        (["evaluation", "steps", 0], KeyError),
        (["evaluation", "outputs", 0, 0], 17),
        (["evaluation", "compiled", 0, 0], -1),
        (["evaluation", "outputs", 0, 1], KeyError),
    ],
)
def test_damaged_values_are_refused(full: Recording, path: list[Any], value: Any) -> None:
    with pytest.raises(InputError):
        from_json(json.dumps(damage(json.loads(to_json(full)), path, value)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_cut_or_flipped_byte_is_refused_or_harmless(train: Train, data: st.DataObject) -> None:
    text = to_json(train.recording).encode()
    at = data.draw(st.integers(0, len(text) - 2))
    if data.draw(st.booleans()):
        broken = text[:at]
    else:
        broken = text[:at] + bytes([data.draw(st.integers(0, 255))]) + text[at + 1 :]
    try:
        loaded = from_json(broken, name="f")
    except InputError:
        return
    assert isinstance(loaded, Recording)  # a letter in a name, a digit of a time
