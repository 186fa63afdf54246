"""What a compilation is made of, as plain data: Ops, variables, nodes, rules, source lines.

Everything refers to everything else by number: a node's ``op`` is an index into the recording's
table of Ops, its ``inputs`` are indices into that of variables, and so on. Nothing here knows
PyTensor, so a recording may come from another compiler.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "FORWARD",
    "GRADIENT",
    "REWRITE",
    "UPDATE",
    "Inner",
    "InnerNode",
    "Node",
    "Op",
    "Origin",
    "Rule",
    "SourceLine",
    "Variable",
]

FORWARD, GRADIENT, UPDATE, REWRITE = "forward", "gradient", "update", "rewrite"


@dataclass(frozen=True)
class SourceLine:
    """A line of source code.

    Attributes
    ----------
    file : str
        Its path; relative to the import root for installed packages (``pytensor/tensor/...``).
    line : int
        Counted from 1.
    function : str
        The function it stands in, ``<module>`` at top level, empty where unknown.
    text : str
        The line itself without its indentation, empty where unknown.
    """

    file: str
    line: int
    function: str = ""
    text: str = ""


@dataclass(frozen=True)
class InnerNode:
    """One node inside a fused or otherwise nested Op.

    Attributes
    ----------
    op : str
        The inner Op, printed.
    inputs : tuple of str
        Names of what it reads: ``i0`` the Op's first input, ``t3`` an inner result, or a
        constant, printed.
    output : str
        Name of what it writes (several, comma-separated, where it writes several).
    inner : Inner or None
        The graph inside the inner Op, where it has one too.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    inner: Inner | None = None


@dataclass(frozen=True)
class Inner:
    """The graph inside an Op: a fused elementwise, a Scan's step, an OpFromGraph.

    Attributes
    ----------
    nodes : tuple of InnerNode
        In an order in which they can be computed.
    outputs : tuple of str
        Names of the results the Op returns.
    """

    nodes: tuple[InnerNode, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Op:
    """An operation, without its operands.

    Attributes
    ----------
    name : str
        The Op, printed as PyTensor prints it, shortened past 200 characters.
    kind : str
        Its class, with module: ``pytensor.tensor.elemwise.Elemwise``.
    scalar : str
        For an elementwise Op or reduction, the class of the scalar Op it maps
        (``pytensor.scalar.basic.Mul``); else empty.
    destroys : tuple of (int, tuple of int)
        In-place map: output number, the input numbers whose memory it overwrites.
    views : tuple of (int, tuple of int)
        View map: output number, the input numbers it aliases.
    inner : Inner or None
        The graph inside.
    """

    name: str
    kind: str
    scalar: str = ""
    destroys: tuple[tuple[int, tuple[int, ...]], ...] = ()
    views: tuple[tuple[int, tuple[int, ...]], ...] = ()
    inner: Inner | None = None


@dataclass(frozen=True)
class Variable:
    """A value's place in the graph.

    Attributes
    ----------
    kind : str
        ``input``, ``shared``, ``constant`` or ``computed``.
    type : str
        The Type, printed: ``Vector(float64, shape=(784,))``.
    dtype : str
        NumPy's name for it; empty for Types without one (random generators).
    shape : tuple of (int or None), or None
        Static shape, None per unknown length; None as a whole for Types without one.
    name : str
        The user's name for it, or empty.
    owner : int or None
        Node that computes it; None for inputs, shared variables and constants.
    position : int
        Which of that node's outputs it is.
    value : str
        For a constant, its value printed, shortened; else empty.
    """

    kind: str
    type: str
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    name: str = ""
    owner: int | None = None
    position: int = 0
    value: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a node comes from.

    Attributes
    ----------
    kind : str
        ``forward`` (the user's expression), ``gradient`` (made by differentiation), ``update``
        (only an update needs it) or ``rewrite`` (made by a step of this compilation).
    step : int
        For a rewrite, the step that made it; else 0.
    parents : tuple of int
        For a rewrite, the nodes whose results it took the place of, with those that went with
        them. `Recording.roots` follows them back to snapshot 0.
    lines : tuple of int
        For a node of snapshot 0, the user's source lines it was written on (indices into
        `Recording.lines`); a gradient's are those of the call that asked for it. Nodes made by
        rewrites inherit theirs: `Recording.lines_of`.
    """

    kind: str
    step: int = 0
    parents: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """An Op applied to variables (PyTensor's Apply node).

    Attributes
    ----------
    op : int
        Index into `Recording.ops`.
    inputs : tuple of int
        Variables it reads when it enters the graph; later steps may move them (`Change`).
    outputs : tuple of int
        Variables it computes.
    origin : Origin
        Where it comes from.
    """

    op: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    origin: Origin


@dataclass(frozen=True)
class Rule:
    """A rewrite rule that changed the graph.

    Attributes
    ----------
    name : str
        Its normalised name.
    source : SourceLine or None
        Where it is defined.
    registered : tuple of str
        Names under which PyTensor's database holds it: what ``mode.excluding`` accepts.
    doc : str
        First line of its documentation, or empty.
    """

    name: str
    source: SourceLine | None = None
    registered: tuple[str, ...] = ()
    doc: str = ""
