"""What runs for every node where a virtual machine runs one thunk per node: C, or Python.

PyTensor compiles a node's C inside a module of several hundred lines that unpack, check and
hand back Python objects. Shown is the Op's own part, from the same generator. In it ``FAIL``
stands for the six lines, the same everywhere, that set an exception and leave.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph

from graphs.inspection.findings import NodeCode

__all__ = ["thunk_code"]

OP_PART = re.compile(r"^// Op class .*?(?=^[ \t]*__label_\d+:)", re.MULTILINE | re.DOTALL)
FAILURE = re.compile(r"\{\s*__failure = \d+;.*?goto __label_\d+;\s*\}", re.DOTALL)


def thunk_code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """C or Python of every node, by position."""
    thunks = dict(zip(getattr(function.vm, "nodes", ()), getattr(function.vm, "thunks", ()), strict=True))
    in_c = type(function.maker.linker).__name__ == "CLinker"
    for position, node in enumerate(function.maker.fgraph.toposort()):
        if in_c or hasattr(thunks.get(node), "cthunk"):
            try:
                yield NodeCode(position, "c", _c_part(node))
            except Exception as problem:  # an Op of somebody's
                yield NodeCode(position, "c", "", problem=f"{type(problem).__name__}: {problem}")
        else:
            yield _python(position, node)
    if whole and in_c:
        yield NodeCode(None, "c", function.maker.linker.get_src_code())


def _c_part(node: Apply) -> str:
    from pytensor.link.c.basic import CLinker

    # Not node.clone(): one variable per position, and none shared with the compiled graph.
    inputs = [variable.clone() for variable in node.inputs]
    alone = Apply(node.op, inputs, [output.clone() for output in node.outputs])
    roots = [variable for variable in inputs if not isinstance(variable, Constant)]
    source = CLinker().accept(FunctionGraph(roots, alone.outputs, clone=False)).get_src_code()
    part = OP_PART.search(source)
    text = part[0] if part else source
    text = FAILURE.sub("FAIL", text)
    text = re.sub(r"(^[ \t]*\n){2,}", "\n", text, flags=re.MULTILINE)
    return textwrap.dedent(text).strip()


def _python(position: int, node: Apply) -> NodeCode:
    for method in ("perform", "make_thunk"):
        if method not in vars(type(node.op)) and method == "perform" and not hasattr(node.op, "perform"):
            continue
        try:
            text = inspect.getsource(getattr(type(node.op), method))
        except (OSError, TypeError, AttributeError):
            continue
        return NodeCode(position, "python", textwrap.dedent(text).strip())
    return NodeCode(position, "python", "", problem="the source of its Python implementation is not kept")
