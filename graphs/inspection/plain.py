"""Frozen dataclasses to JSON and back, strictly, and the JSON Schema that says the same.

The types of the fields are the format: ``int``, ``float``, ``str``, ``bool``, ``X | None``,
``tuple[X, ...]``, fixed tuples, ``dict[str, object]`` (any JSON), and dataclasses of these.

- A dataclass is an object; a field that equals its default is left out.
- A tuple is an array.
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

__all__ = ["Malformed", "decode", "encode", "schema_of"]

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
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


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
        return tuple(decode(kinds[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if len(value) != len(kinds):
        raise Malformed(f"{place}: {len(value)} entries where {len(kinds)} are due")
    pairs = zip(kinds, value, strict=True)
    return tuple(decode(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(pairs))


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

    Descriptions are the dataclasses' own documentation.
    """
    definitions: dict[str, Any] = {}
    reference = _schema(kind, definitions)
    return {**reference, "$defs": dict(sorted(definitions.items()))}


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        name = getattr(kind, "__name__", "")
        if name not in definitions:
            definitions[name] = {}  # claims the name before a field refers back to it
            definitions[name].update(_object_schema(kind, definitions))
        return {"$ref": f"#/$defs/{name}"}
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = [_schema(choice, definitions) for choice in args if choice is not type(None)]
        return {"anyOf": [*inner, {"type": "null"}]}
    if origin is tuple and args[-1] is Ellipsis:
        return {"type": "array", "items": _schema(args[0], definitions)}
    if origin is tuple:
        items = [_schema(arg, definitions) for arg in args]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if origin is dict:
        return {"type": "object"}
    if kind is float:
        return {"anyOf": [{"type": "number"}, {"enum": list(UNREPRESENTABLE)}]}
    return {"type": {int: "integer", str: "string", bool: "boolean"}[kind]}


def _object_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    documentation = inspect.cleandoc(kind.__doc__ or "")
    described = _attribute_docs(documentation)
    fields = dataclasses.fields(kind)
    properties = {}
    for field in fields:
        schema = _schema(_hints(kind)[field.name], definitions)
        if described.get(field.name):
            schema = {**schema, "description": described[field.name]}
        properties[field.name] = schema
    return {
        "description": " ".join(documentation.split("\n\n")[0].split()),
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields if field.default is dataclasses.MISSING],
        "additionalProperties": False,
    }


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
