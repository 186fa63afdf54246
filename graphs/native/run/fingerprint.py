"""A graph as plain data, before any rewriting, so that it can be recognised: what PyTensor's Ops are made of.

Apart from the store, which is its one user, because only this file looks into Ops.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.scan.op import Scan

__all__ = ["Unrecognisable", "fingerprint"]


class Unrecognisable(Exception):
    """Something in the graph cannot be told from its like; it is not cached."""


def fingerprint(fgraph: Any) -> list[Any]:
    """Inputs, nodes, outputs of a FunctionGraph: Ops with their properties, types, names, constants.

    Raises :class:`Unrecognisable` if an Op does not say what it is made of.
    """
    numbers: dict[Any, int] = {variable: k for k, variable in enumerate(fgraph.inputs)}
    described: list[Any] = [[_variable(v) for v in fgraph.inputs]]

    def refer(variable: Any) -> Any:
        if variable not in numbers:
            described.append(["constant", _type(variable.type), variable.name, _plain(variable.data)])
            numbers[variable] = len(numbers)
        return numbers[variable]

    for node in fgraph.toposort():
        read, made = [refer(v) for v in node.inputs], [_variable(v) for v in node.outputs]
        described.append([_plain(node.op), read, made])
        numbers |= {variable: k for k, variable in enumerate(node.outputs, len(numbers))}
    described.append([refer(v) for v in fgraph.outputs])
    described.append(sorted((getattr(fgraph, "update_mapping", None) or {}).items()))
    return described


def _variable(variable: Any) -> Any:
    return [_type(variable.type), variable.name, bool(getattr(variable.tag, "symmetric", False))]


def _type(kind: Any) -> Any:
    return [type(kind).__name__, getattr(kind, "dtype", None), _plain(getattr(kind, "shape", None))]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        if array.dtype.hasobject:
            raise Unrecognisable("an array of objects")
        data = array.tobytes()
        shown = data.hex() if len(data) <= 4096 else hashlib.sha256(data).hexdigest()
        return ["array", array.dtype.str, list(np.shape(value)), shown]
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return ["dict", sorted([str(k), _plain(v)] for k, v in value.items())]
    if isinstance(value, slice):
        return ["slice", _plain(value.start), _plain(value.stop), _plain(value.step)]
    if isinstance(value, enum.Enum):
        return str(value)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if callable(getattr(value, "make_node", None)) or hasattr(value, "impl"):
        return _op(value)
    if hasattr(value, "dtype") and type(value).__module__.startswith("pytensor."):
        return _type(value)
    raise Unrecognisable(f"{type(value).__name__}")


def _op(op: Any) -> Any:
    name = f"{type(op).__module__}.{type(op).__qualname__}"
    if name.startswith("pymc.") and getattr(op, "__props__", None) is not None:
        name += f" of {getattr(sys.modules.get('pymc'), '__version__', None)}"
    elif not name.startswith("pytensor."):
        raise Unrecognisable(f"the Op {op} from elsewhere")
    inner = getattr(op, "fgraph", None)
    if isinstance(op, Scan):  # what its inputs are to it stands beside its graph
        return [name, fingerprint(inner), _plain(dataclasses.astuple(op.info)), op.name]
    if isinstance(op, OpFromGraph):
        return [name, fingerprint(inner)]
    if inner is not None:
        raise Unrecognisable(f"the Op {op} with a graph of its own")
    if name.startswith("pytensor.scalar."):
        return [name, sorted([k, _setting(v)] for k, v in vars(op).items())]
    properties = getattr(op, "__props__", None)
    if properties is None:
        if getattr(op, "scalar_op", None) is None:
            raise Unrecognisable(f"the Op {op}")
        properties = ("scalar_op", "axis", "dtype", "acc_dtype")
    return [name, [[p, _plain(getattr(op, p, None))] for p in properties]]


def _setting(value: Any) -> Any:
    """An attribute of a scalar Op: plain, or the rule that chooses its result's type."""
    rule = getattr(value, "__qualname__", None)
    if rule is not None and "<" not in rule:
        return rule
    if type(value).__module__ == "pytensor.scalar.basic" and callable(value):
        return [type(value).__name__, sorted([k, _plain(v)] for k, v in vars(value).items())]
    return _plain(value)


def surroundings(query: Any) -> dict[str, str]:
    """What else the rewritten graph depends on, each by its name: versions, registered rewrites, settings."""
    from pytensor import __version__ as version
    from pytensor.compile.mode import optdb
    from pytensor.configdefaults import config

    asked = [sorted(map(str, getattr(query, part, ()) or ())) for part in ("include", "exclude", "require")]
    extra = [str(getattr(rewrite, "name", rewrite)) for rewrite, *_ in getattr(query, "extra_rewrites", ())]
    return {
        "PyTensor": version,
        "NumPy": np.__version__,
        "set of registered rewrites": hashlib.sha256("\n".join(_rewrites(optdb)).encode()).hexdigest(),
        "selection of rewrites by the mode": str([asked, extra]),
        "floatX": str(config.floatX),
        "optimizer_excluding or optimizer_including": f"{config.optimizer_excluding} {config.optimizer_including}",
        # without it PyTensor < 3.2 silently skips its pattern rewrites
        "set of packages (with packaging, or without)": str(
            importlib.util.find_spec("packaging") is not None
        ),
    }


def _rewrites(optdb: Any) -> list[str]:
    """Names under which rewrites are registered, but for those of sparse matrices.

    PyTensor registers those when its first rewriting imports them, which a warm start is to do without;
    they concern graphs that are never native.
    """
    databases = {optdb, *(inner for found in optdb.__db__.values() for inner in found)}
    there = "pytensor.sparse.rewriting" in sys.modules
    return sorted(
        name
        for database in databases
        for name, found in getattr(database, "__db__", {}).items()
        if not there or not all(_home(rewrite).startswith("pytensor.sparse") for rewrite in found)
    )


def _home(rewrite: Any) -> str:
    """The module that a rewrite, or the Op it is about, was written in."""
    if getattr(rewrite, "name", "") == "local_usmm":  # a pattern, which does not say
        return "pytensor.sparse.rewriting"
    for part in ("fn", "node_rewriter", "op"):
        inner = getattr(rewrite, part, None)
        if inner is not None:
            return _home(inner)
    return str(getattr(rewrite, "__module__", ""))
