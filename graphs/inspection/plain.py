"""Frozen dataclasses to JSON and back, strictly, and the JSON Schema that says the same.

The types of the fields are the format: ``int``, ``float``, ``str``, ``bool``, ``X | None``,
``tuple[X, ...]``, fixed tuples, ``dict[str, object]`` (any JSON), and dataclasses of these.

- A dataclass is an object; a field that equals its default is left out.
- A tuple is an array; a dataclass in it is a row: its fields' values in their order, those at the
  end that equal their defaults left out. `columns` gives every row's fields.
- A float that JSON cannot hold is one of the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import typing
from functools import cache
from typing import Any, get_args, get_origin

__all__ = ["Malformed", "columns", "decode", "encode", "schema_of"]

UNREPRESENTABLE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Malformed(ValueError):
    """JSON that is not of the type asked for; the message begins with the place in it."""


def encode(value: Any) -> Any:
    """`value` as what ``json.dumps(..., allow_nan=False)`` takes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, tuple | list):
        return [_row(item) if dataclasses.is_dataclass(item) else encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _row(value: Any) -> list[Any]:
    fields = list(dataclasses.fields(value))
    while fields and _is_default(fields[-1], getattr(value, fields[-1].name)):
        fields.pop()
    return [encode(getattr(value, field.name)) for field in fields]


def columns(kind: Any) -> dict[str, list[str]]:
    """What the entries of rows are: for every dataclass that a `kind` holds in a tuple, its fields."""
    return {row.__name__: [field.name for field in dataclasses.fields(row)] for row in _rows_in(kind)}


def _rows_in(kind: Any) -> list[Any]:
    """Every dataclass that stands in a tuple somewhere within `kind`, by name."""
    found: dict[Any, None] = {}
    seen: set[Any] = set()
    waiting: list[Any] = [kind]
    while waiting:
        current: Any = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if dataclasses.is_dataclass(current):
            waiting += typing.get_type_hints(current).values()
        inside = [choice for choice in get_args(current) if choice is not Ellipsis]
        if get_origin(current) is tuple:
            found.update(dict.fromkeys(filter(dataclasses.is_dataclass, inside)))
        waiting += inside
    return sorted(found, key=lambda row: str(row.__name__))


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    default = field.default
    return default is not dataclasses.MISSING and type(value) is type(default) and value == default


def decode(kind: Any, value: Any, place: str = "$") -> Any:
    """The `kind` that `value`, parsed JSON, stands for.

    Raises
    ------
    Malformed
        If it does not stand for one: a field too many or missing, another type, a number that
        is no whole number where one is due.
    """
    if dataclasses.is_dataclass(kind):
        return _decode_fields(kind, value, place)
    origin = get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        (inner,) = (choice for choice in get_args(kind) if choice is not type(None))
        return decode(inner, value, place)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, place)
    if origin is dict:
        return _expect(dict, value, place)
    if kind is float:
        if isinstance(value, str) and value in UNREPRESENTABLE:
            return UNREPRESENTABLE[value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Malformed(f"{place}: {_show(value)} is no number")
        return float(value)
    if kind is int and isinstance(value, bool):
        raise Malformed(f"{place}: {_show(value)} is no whole number")
    return _expect(kind, value, place)


def _decode_fields(kind: Any, value: Any, place: str) -> Any:
    value = _expect(dict, value, place)
    hints = _hints(kind)
    if unknown := sorted(set(value) - set(hints)):
        raise Malformed(f"{place}: unknown field {unknown[0]!r}")
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.name not in value:
            raise Malformed(f"{place}: field {field.name!r} is missing")
    return kind(**{n: decode(hints[n], item, f"{place}.{n}") for n, item in value.items()})


def _decode_tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    value = _expect(list, value, place)
    if kinds[-1] is Ellipsis:
        return tuple(_decode_item(kinds[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if len(value) != len(kinds):
        raise Malformed(f"{place}: {len(value)} entries where {len(kinds)} are due")
    pairs = zip(kinds, value, strict=True)
    return tuple(_decode_item(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(pairs))


def _decode_item(kind: Any, value: Any, place: str) -> Any:
    if not dataclasses.is_dataclass(kind):
        return decode(kind, value, place)
    row, fields = _expect(list, value, place), dataclasses.fields(kind)
    if len(row) > len(fields):
        raise Malformed(f"{place}: {len(row)} entries where at most {len(fields)} are due")
    return _decode_fields(kind, {f.name: item for f, item in zip(fields, row, strict=False)}, place)


def _expect(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, kind):
        wanted = {dict: "an object", list: "an array", str: "a text"}.get(kind, kind.__name__)
        raise Malformed(f"{place}: {_show(value)} where {wanted} is due")
    return value


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def schema_of(kind: Any) -> dict[str, Any]:
    """A JSON Schema for `kind` and, under ``$defs``, for every dataclass it holds.

    One that stands in an array has its row under ``Name row``. Descriptions are the dataclasses'
    own documentation.
    """
    definitions: dict[str, Any] = {}
    reference = _schema(kind, definitions)
    return {**reference, "$defs": dict(sorted(definitions.items()))}


def _schema(kind: Any, definitions: dict[str, Any], *, row: bool = False) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        name = f"{getattr(kind, '__name__', '')}{' row' if row else ''}"
        if name not in definitions:
            definitions[name] = {}  # claims the name before a field refers back to it
            definitions[name].update((_row_schema if row else _object_schema)(kind, definitions))
        return {"$ref": f"#/$defs/{name.replace(' ', '%20')}"}
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = [_schema(choice, definitions) for choice in args if choice is not type(None)]
        return {"anyOf": [*inner, {"type": "null"}]}
    if origin is tuple and args[-1] is Ellipsis:
        return {"type": "array", "items": _schema(args[0], definitions, row=True)}
    if origin is tuple:
        items = [_schema(arg, definitions, row=True) for arg in args]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if origin is dict:
        return {"type": "object"}
    if kind is float:
        return {"anyOf": [{"type": "number"}, {"enum": list(UNREPRESENTABLE)}]}
    return {"type": {int: "integer", str: "string", bool: "boolean"}[kind]}


def _object_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": _summary(kind),
        "type": "object",
        "properties": _field_schemas(kind, definitions),
        "required": _required(kind),
        "additionalProperties": False,
    }


def _row_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    described = _field_schemas(kind, definitions)
    return {
        "description": _summary(kind),
        "type": "array",
        "prefixItems": [{"title": name, **schema} for name, schema in described.items()],
        "items": False,
        "minItems": len(_required(kind)),
    }


def _field_schemas(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    described = _attribute_docs(inspect.cleandoc(kind.__doc__ or ""))
    found = {}
    for field in dataclasses.fields(kind):
        schema = _schema(_hints(kind)[field.name], definitions)
        if described.get(field.name):
            schema = {**schema, "description": described[field.name]}
        found[field.name] = schema
    return found


def _required(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]


def _summary(kind: Any) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def _attribute_docs(documentation: str) -> dict[str, str]:
    """Descriptions from a numpydoc "Attributes" section."""
    _, _, section = documentation.partition("Attributes\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        head = re.match(r"^(\w+(?:, \w+)*)(?: :.*)?$", line)
        if head:
            names = head[1].split(", ")
        elif line.startswith("    "):
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
