"""A recording as one JSON file; `recording.schema.json` beside this module documents it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from graphs.errors import InputError
from graphs.files import write_whole
from graphs.inspection.plain import Malformed, columns, decode, encode, schema_of
from graphs.inspection.recording import Recording

__all__ = ["FORMAT", "VERSION", "from_json", "load", "save", "schema", "to_json"]

FORMAT = "graphs recording"
VERSION = 2  # 1 had an object for every row and no times around the nodes
ALLOWED = f"a {FORMAT}, version {VERSION}, as saved by graphs.inspection.save"


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
    document = {
        "format": FORMAT,
        "version": VERSION,
        "columns": columns(Recording),
        "recording": encode(recording),
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"


def from_json(text: str | bytes, *, name: str = "text") -> Recording:
    """The recording that `text` stands for.

    Parameters
    ----------
    text : str or bytes
        JSON, UTF-8 if bytes.
    name : str
        What to call it in an error: the file's path.

    Raises
    ------
    InputError
        If it is not a recording of this version, or damaged.
    """

    def refuse(found: str) -> InputError:
        return InputError(name, found=found, allowed=ALLOWED)

    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:  # also what is not UTF-8
        raise refuse(f"something that is not JSON ({problem})") from problem
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise refuse("JSON of another kind")
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        raise refuse(f"version {document.get('version')!r}")
    if set(document) != {"format", "version", "columns", "recording"}:
        raise refuse("other fields than format, version, columns and recording")
    if document["columns"] != columns(Recording):
        raise refuse("rows of other columns than this version's")
    try:
        recording: Recording = decode(Recording, document["recording"], "$.recording")
        _check(recording)
    except Malformed as problem:
        raise refuse(f"damage at {problem}") from problem
    return recording


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, made from the dataclasses; stored in the repository."""
    inner = schema_of(Recording)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT}, version {VERSION}",
        "description": "What one compilation of a PyTensor function did. Everything refers to"
        " everything else by its number in a table. Tables are arrays of rows; what a row's"
        " entries are stands under columns. A field left out, or cut off a row's end, has its"
        " default: false, zero, an empty text or array, or null.",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "columns": {"const": columns(Recording)},
            "recording": {"$ref": inner["$ref"]},
        },
        "required": ["format", "version", "columns", "recording"],
        "additionalProperties": False,
        "$defs": inner["$defs"],
    }


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _check(recording: Recording) -> None:
    """Every number must refer to something, and the steps must fit together."""
    sizes = {
        table: len(getattr(recording, table)) for table in ("ops", "variables", "nodes", "rules", "lines")
    }

    def refer(place: str, table: str, *numbers: int) -> None:
        for number in numbers:
            if not 0 <= number < sizes[table]:
                raise Malformed(f"$.recording.{place}: there is no {number} in {table}")

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
    outputs, last = len(recording.outputs), len(recording.steps)
    if recording.evaluation is not None:
        found = recording.evaluation
        refer("evaluation.values", "variables", *(value.variable for value in found.values))
        numbers = [change.output for verdict in found.steps for change in verdict.outputs]
        numbers += [change.output for change in found.compiled]
        numbers += [value.output for value in found.outputs]
        told = [verdict.step for verdict in found.steps] == list(range(1, last + 1))
        if not told or any(not 0 <= number < outputs for number in numbers):
            raise Malformed("$.recording.evaluation: of other steps or outputs than these")
    for counterfactual in recording.counterfactuals or ():
        refer("counterfactuals", "rules", counterfactual.rule)
    if outputs != len(recording.first_outputs):
        raise Malformed("$.recording.outputs: not one for each of first_outputs")
    try:
        standing = {placed.node for placed in recording.snapshots[-1].nodes}
    except (KeyError, IndexError, ValueError) as problem:
        raise Malformed(f"$.recording.steps: they do not fit together ({problem})") from problem
    if standing != set(recording.final_order):
        raise Malformed("$.recording.final_order: not the nodes of the last snapshot")
