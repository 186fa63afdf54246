"""A recording as one JSON file, read back strictly, and the JSON Schema that documents it.

The types of `graphs.inspection.recording` and `graphs.inspection.findings` are the format. Tables are
arrays of rows, a row is an array of its fields' values; ``columns`` in the file says which. A number that
JSON cannot hold is written as an object that nothing else looks like: ``{"float": "NaN"}``, ``"Infinity"``
or ``"-Infinity"``.
"""

from __future__ import annotations

import inspect
import io
import math
import os
import tokenize
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from graphs.errors import InputError
from graphs.files import DamagedFile, file_path, read_whole, write_whole
from graphs.foreign import plain, quoted
from graphs.inspection.findings import Evaluation, Measurements, Row, Start, Times
from graphs.inspection.recording import Recording
from graphs.inspection.validity import check
from graphs.timing import Spread

__all__ = ["FORMAT", "VERSION", "from_json", "load", "save", "schema", "to_json"]

FORMAT: Final = "graphs recording"
# 1 had an object for every row and no times around the nodes; 2 cut defaults off a row's end; 3 knew nothing of what
# the called function returns, of where values stop being finite, nor of why a rewrite did not fire; 4 kept no entries,
# no distance from extended precision, and no final graph without a rule; 5 did not say where the time to the first result went
VERSION: Final = 6
ALLOWED = f"a {FORMAT}, version {VERSION}, as saved by graphs.inspection.save"
# The experiment's own recording, with values, times and code, has a quarter of a megabyte; these are the limits of
# what is taken from anybody, so that it is read within seconds and a gigabyte.
MOST_BYTES = 2**25
MOST_ROWS = 200_000  # of any table
SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

ROWS: list[type[msgspec.Struct]] = sorted([*Row.__subclasses__(), Spread], key=lambda kind: kind.__name__)
COLUMNS = {kind.__name__: list(kind.__struct_fields__) for kind in ROWS}


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one compilation of a PyTensor function did.

    Everything refers to everything else by its number in a table. Tables are arrays of rows; what a
    row's entries are stands under columns. A field left out of an object has its default.
    """

    format: Literal["graphs recording"]  # says what the file is
    version: Literal[6]  # of the format
    columns: dict[str, list[str]]  # for every kind of row, the names of its entries
    recording: Recording  # the tables, the steps, and what was found out


def save(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write `recording` to `path`, whole or not at all.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written, or the recording is larger than what `load` reads.
    """
    place = file_path("path", path)
    if not isinstance(recording, Recording):
        raise InputError("recording", found=quoted(recording), allowed="a Recording")
    data = to_json(recording).encode()
    try:
        if len(data) > MOST_BYTES:
            raise InputError(
                "", found=f"{len(data):,} bytes, more than the {MOST_BYTES:,} that are read", allowed=""
            )
        from_json(data)
    except InputError as refusal:
        raise InputError(
            "recording",
            found=f"one that could not be read again ({refusal.found})",
            allowed="one that fits into a file",
            remedy="inspect a smaller graph, or ask less of it",
        ) from None
    try:
        write_whole(place, data)
    except OSError as problem:
        raise InputError(
            "path", found=f"{plain(place)} ({problem.strerror or problem})", allowed="a writable file"
        ) from problem


def load(path: str | os.PathLike[str]) -> Recording:
    """Read what `save` wrote; equal to what was saved.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, foreign, or of another version. Nothing in
        it is ever run.
    """
    place = file_path("path", path)
    try:
        data = read_whole(place, MOST_BYTES)
    except DamagedFile as problem:
        raise InputError(str(place), found=f"a file that is refused: {problem}", allowed=ALLOWED) from problem
    except OSError as problem:
        raise InputError(
            "path", found=f"{plain(place)} ({problem.strerror or problem})", allowed="a readable file"
        ) from problem
    return from_json(data, name=str(place))


def to_json(recording: Recording) -> str:
    """`recording` as JSON text; half a pair of surrogates in it, which no UTF-8 holds, becomes an escape in words."""
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

    if not isinstance(text, str | bytes):
        raise InputError("text", found=quoted(text), allowed="a text, or UTF-8 in bytes")
    try:
        document = msgspec.json.decode(text)
        if '"float"' in text if isinstance(text, str) else b'"float"' in text:
            document = _spelled(document)
    except (ValueError, RecursionError) as problem:  # also what is not UTF-8
        raise refuse(f"something that is not JSON ({problem})") from problem
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise refuse("JSON of another kind")
    if document.get("version") != VERSION:
        raise refuse(f"version {quoted(document.get('version'))}")
    if document.get("columns", COLUMNS) != COLUMNS:
        raise refuse("rows of other columns than this version's")
    tables = document.get("recording")
    for table, rows in tables.items() if isinstance(tables, dict) else ():
        if isinstance(rows, list) and len(rows) > MOST_ROWS:
            raise refuse(f"{len(rows):,} {table}, more than the {MOST_ROWS:,} that are read")
    try:
        read = msgspec.convert(document, Document).recording
        check(read)
    except (msgspec.ValidationError, RecursionError) as problem:
        told, _, place = str(problem).partition(" - at ")
        raise refuse(f"damage at {place.strip('`') or '$'}: {told}") from problem
    return read


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, made from the types; descriptions are their docstrings and comments."""
    (reference,), definitions = msgspec.json.schema_components([Document])
    kinds: list[type[msgspec.Struct]] = [*ROWS, Start, Evaluation, Measurements, Times, Recording, Document]
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
    """`value` with every float that JSON cannot hold written as an object, and every text one that UTF-8 can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {_spell(key): _spell(item) for key, item in value.items()}
    return [_spell(item) for item in value] if isinstance(value, list | tuple) else value


def _spelled(value: Any) -> Any:
    """`value` with every float that stands as such an object; any other object as it is."""
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = value.get("float")
    if len(value) == 1 and isinstance(spelled, str) and spelled in SPELLED:
        return SPELLED[spelled]
    return {key: _spelled(item) for key, item in value.items()}


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
