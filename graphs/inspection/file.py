"""A recording as one JSON file, read back strictly, and the JSON Schema that documents it.

The types of `graphs.inspection.recording` and `graphs.inspection.findings` are the format. Tables are
arrays of rows, a row is an array of its fields' values; ``columns`` in the file says which. A number that
JSON cannot hold is written as an object that nothing else looks like: ``{"float": "NaN"}``, ``"Infinity"``
or ``"-Infinity"``.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from graphs.errors import InputError
from graphs.files import write_whole
from graphs.inspection.findings import Evaluation, Measurements, Row, Times
from graphs.inspection.recording import Recording
from graphs.timing import Spread

__all__ = ["FORMAT", "VERSION", "from_json", "load", "save", "schema", "to_json"]

FORMAT: Final = "graphs recording"
# 1 had an object for every row and no times around the nodes; 2 cut defaults off a row's end
VERSION: Final = 3
ALLOWED = f"a {FORMAT}, version {VERSION}, as saved by graphs.inspection.save"
SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

ROWS: list[type[msgspec.Struct]] = sorted([*Row.__subclasses__(), Spread], key=lambda kind: kind.__name__)
COLUMNS = {kind.__name__: list(kind.__struct_fields__) for kind in ROWS}


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one compilation of a PyTensor function did.

    Everything refers to everything else by its number in a table. Tables are arrays of rows; what a
    row's entries are stands under columns. A field left out of an object has its default.
    """

    format: Literal["graphs recording"]  # says what the file is
    version: Literal[3]  # of the format
    columns: dict[str, list[str]]  # for every kind of row, the names of its entries
    recording: Recording  # the tables, the steps, and what was found out


def save(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write `recording` to `path`, whole or not at all.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    text = to_json(recording)
    try:
        write_whole(path, text.encode())
    except OSError as problem:
        raise InputError(
            "path", found=f"{path} ({problem.strerror or problem})", allowed="a writable file"
        ) from problem


def load(path: str | os.PathLike[str]) -> Recording:
    """Read what `save` wrote; equal to what was saved.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, foreign, or of another version. Nothing in
        it is ever run.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise InputError(
            "path", found=f"{path} ({problem.strerror or problem})", allowed="a readable file"
        ) from problem
    return from_json(data, name=str(path))


def to_json(recording: Recording) -> str:
    """`recording` as JSON text."""
    document = msgspec.to_builtins(Document(FORMAT, VERSION, COLUMNS, recording))
    return msgspec.json.encode(_spell(document)).decode() + "\n"


def from_json(text: str | bytes, *, name: str = "text") -> Recording:
    """The recording that `text` (UTF-8 if bytes) stands for; an error calls it `name`.

    Raises
    ------
    InputError
        If it is not a recording of this version, or damaged; the error says where.
    """

    def refuse(found: str) -> InputError:
        return InputError(name, found=found, allowed=ALLOWED)

    try:
        document = json.loads(text, parse_constant=_no_constant, object_hook=_number)
    except (ValueError, RecursionError) as problem:  # also what is not UTF-8
        raise refuse(f"something that is not JSON ({problem})") from problem
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise refuse("JSON of another kind")
    if document.get("version") != VERSION:
        raise refuse(f"version {document.get('version')!r}")
    if document.get("columns", COLUMNS) != COLUMNS:
        raise refuse("rows of other columns than this version's")
    try:
        read = msgspec.convert(document, Document).recording
        _check(read)
    except msgspec.ValidationError as problem:
        told, _, place = str(problem).partition(" - at ")
        raise refuse(f"damage at {place.strip('`') or '$'}: {told}") from problem
    return read


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, made from the types; descriptions are their docstrings and comments."""
    (reference,), definitions = msgspec.json.schema_components([Document])
    kinds: list[type[msgspec.Struct]] = [*ROWS, Evaluation, Measurements, Times, Recording, Document]
    for kind in kinds:
        described = definitions[kind.__name__]
        described["description"] = inspect.getdoc(kind)
        entries = described.get("prefixItems") or described["properties"].values()
        comments = dict(_comments(kind))
        for field, entry in zip(kind.__struct_fields__, entries, strict=True):
            entry["title"] = field
            if field in comments:
                entry["description"] = comments[field]
    definitions["Document"]["properties"]["columns"]["const"] = COLUMNS
    spelled = {"type": "object", "properties": {"float": {"enum": list(SPELLED)}}, "required": ["float"]}
    number = {"anyOf": [{"type": "number"}, {**spelled, "additionalProperties": False}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT}, version {VERSION}",
        **reference,
        "$defs": {**_with_floats(definitions), "float": number},
    }


def _spell(value: Any) -> Any:
    """`value` with every float that JSON cannot hold written as an object."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: _spell(item) for key, item in value.items()}
    return [_spell(item) for item in value] if isinstance(value, list | tuple) else value


def _number(entry: dict[str, Any]) -> Any:
    """The float that such an object stands for; any other object as it is."""
    spelled = entry.get("float")
    return SPELLED[spelled] if len(entry) == 1 and isinstance(spelled, str) and spelled in SPELLED else entry


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _with_floats(part: Any) -> Any:
    """A part of the schema with our own floats in place of JSON's numbers."""
    if isinstance(part, dict):
        if part.get("type") == "number":
            rest = {key: value for key, value in part.items() if key != "type"}
            return {"$ref": "#/$defs/float", **rest}
        return {key: _with_floats(value) for key, value in part.items()}
    return [_with_floats(item) for item in part] if isinstance(part, list) else part


def _comments(kind: type) -> Iterator[tuple[str, str]]:
    """The fields of a class with the comment before or beside each, as its source has them."""
    lines = io.StringIO(inspect.getsource(kind)).readline
    words: list[str] = []
    field = ""
    for token in tokenize.generate_tokens(lines):
        if token.type == tokenize.NAME and token.start[1] == 4:
            field = token.string
        elif token.type == tokenize.COMMENT:
            words.append(token.string.lstrip("#: "))
        elif token.type == tokenize.NEWLINE:
            if field and words:
                yield field, " ".join(words)
            field, words = "", []


def _check(recording: Recording) -> None:
    """Every number must refer to something, and the steps must fit together."""

    def damaged(place: str, told: str) -> msgspec.ValidationError:
        return msgspec.ValidationError(f"{told} - at `$.recording.{place}`")

    def refer(place: str, table: str, *numbers: int) -> None:
        size = len(getattr(recording, table))
        for number in numbers:
            if not 0 <= number < size:
                raise damaged(place, f"there is no {number} in {table}")

    refer("inputs", "variables", *recording.inputs)
    refer("first_nodes", "nodes", *recording.first_nodes)
    refer("first_outputs", "variables", *recording.first_outputs)
    refer("final_order", "nodes", *recording.final_order)
    for i, variable in enumerate(recording.variables):
        if variable.owner is not None:
            refer(f"variables[{i}].owner", "nodes", variable.owner)
    for i, node in enumerate(recording.nodes):
        refer(f"nodes[{i}].op", "ops", node.op)
        refer(f"nodes[{i}]", "variables", *node.inputs, *node.outputs)
        refer(f"nodes[{i}].origin", "nodes", *node.origin.parents)
        refer(f"nodes[{i}].origin", "lines", *node.origin.lines)
    for i, step in enumerate(recording.steps):
        place = f"steps[{i}]"
        refer(place, "rules", step.rule)
        refer(place, "nodes", *step.gone, *step.come)
        for change in step.changes:
            refer(place, "variables", change.old, change.new)
            if change.node is not None:
                refer(place, "nodes", change.node)
        for pair in step.replaced:
            refer(place, "variables", *pair)
    outputs = len(recording.outputs)
    if (found := recording.evaluation) is not None:
        refer("evaluation.values", "variables", *(value.variable for value in found.values))
        numbers = [change.output for verdict in found.steps for change in verdict.outputs]
        numbers += [change.output for change in found.compiled]
        numbers += [value.output for value in found.outputs]
        told = [verdict.step for verdict in found.steps] == list(range(1, len(recording.steps) + 1))
        if not told or any(not 0 <= number < outputs for number in numbers):
            raise damaged("evaluation", "of other steps or outputs than these")
    for counterfactual in recording.counterfactuals or ():
        refer("counterfactuals", "rules", counterfactual.rule)
    if outputs != len(recording.first_outputs):
        raise damaged("outputs", "not one for each of first_outputs")
    try:
        standing = {placed.node for placed in recording.snapshots[-1].nodes}
    except (KeyError, IndexError, ValueError) as problem:
        raise damaged("steps", f"they do not fit together ({problem})") from problem
    if standing != set(recording.final_order):
        raise damaged("final_order", "not the nodes of the last snapshot")
