"""A variable of a snapshot as the formula that computes it.

``log1p(-p_1)`` says more than ``Log1p ← Neg ← …``; so a step is shown as one formula turning
into another. Written as NumPy would: ``x @ w``, ``w[:, None]``, ``x.shape[0]``. Formulas stop at
the user's own names and at a depth, with ``…`` for what lies deeper, and are no longer than a reader reads:
a node may have any number of operands, and operands of operands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphs.inspection.recording import Inner, Op, Placed, Recording, Step

__all__ = ["Formulas"]

# Operator and binding strength, weakest first.
INFIX = {
    "OR": ("|", 1),
    "XOR": ("^", 1),
    "AND": ("&", 2),
    "EQ": ("==", 3),
    "NEQ": ("!=", 3),
    "LT": ("<", 3),
    "LE": ("<=", 3),
    "GT": (">", 3),
    "GE": (">=", 3),
    "Add": ("+", 4),
    "Sub": ("-", 4),
    "Mul": ("*", 5),
    "TrueDiv": ("/", 5),
    "IntDiv": ("//", 5),
    "Mod": ("%", 5),
    "Dot": ("@", 5),
    "Pow": ("**", 7),
}
# How the scalar Ops inside a fused one print themselves.
SCALARS = {name.lower(): name for name in (*INFIX, "Neg", "Reciprocal", "Second", "Switch", "Sqr", "Cast")}
FEW = 6  # up to so many operations a fused Op is written out
OPERANDS = 16  # of one operation
NODES = 100  # in one formula
LONGEST = 2000  # characters of one formula
Part = tuple[str, int]  # a formula and how strongly it binds
BLAS = ("Gemv", "CGemv", "Gemm")
UNDECORATED = ("Assert", "CheckAndRaise", "MakeVector", "Alloc", "AllocEmpty")
UNARY, ATOM = 6, 9
LEFT_OUT: Part = ("…", ATOM)
FUNCTIONS = {"Second": "fill", "Switch": "where", "Sqr": "square", "Conj": "conj", "ScalarMaximum": "maximum"}


class Formulas:
    """Writes variables as a snapshot computes them: a node may read other variables in another one."""

    def __init__(self, recording: Recording, snapshot: int) -> None:
        self._recording = recording
        nodes = recording.snapshot(snapshot).nodes
        self._owner = {variable: node for node in nodes for variable in node.outputs}
        self._left = NODES  # of the formula being written

    def advance(self, step: Step) -> None:
        """Move to the snapshot after `step`, which is the next one."""
        nodes = self._recording.nodes
        for node in step.gone:
            for variable in nodes[node].outputs:
                del self._owner[variable]
        for node in step.come:
            made = nodes[node]
            placed = Placed(node, made.op, made.inputs, made.outputs)
            self._owner.update(dict.fromkeys(made.outputs, placed))
        for change in step.changes:
            if change.node is not None:
                placed = self.placed(change.node)
                inputs = (
                    *placed.inputs[: change.position],
                    change.new,
                    *placed.inputs[change.position + 1 :],
                )
                moved = Placed(placed.node, placed.op, inputs, placed.outputs)
                self._owner.update(dict.fromkeys(placed.outputs, moved))

    def placed(self, node: int) -> Placed:
        """A node as it stands in the snapshot at hand."""
        return self._owner[self._recording.nodes[node].outputs[0]]

    def word(self, op: int) -> str:
        """The word for an Op."""
        return _short_name(self._recording.ops[op])

    def variable(self, number: int, *, depth: int = 4, named: bool = True) -> str:
        """The formula of a variable, `depth` nodes deep.

        One with a name of the user's is that name if `named`; the ones below it always are.
        """
        self._left = NODES
        return self._write(number, depth, named)[0]

    def node(self, node: Placed, *, depth: int = 1) -> str:
        """The formula of a node's own operation."""
        self._left = NODES
        return self._apply(node, depth)[0]

    def _write(self, number: int, depth: int, named: bool = True) -> Part:
        described = self._recording.variables[number]
        owner = self._owner.get(number)
        if owner is None:
            return described.value or described.name or f"input{number}", ATOM
        if described.name and named:
            return described.name, ATOM
        if depth == 0 or self._left <= 0:
            return LEFT_OUT
        text, strength = self._apply(owner, depth)
        if len(owner.outputs) > 1:
            return f"{text}[{owner.outputs.index(number)}]", ATOM
        return text, strength

    def _apply(self, node: Placed, depth: int) -> Part:
        self._left -= 1
        return _short(self._applied(node, depth))

    def _applied(self, node: Placed, depth: int) -> Part:
        op = self._recording.ops[node.op]
        kind = op.kind.rpartition(".")[2]
        shuffles = kind == "DimShuffle"
        converts = kind in ("ScalarFromTensor", "TensorFromScalar")
        below = depth if shuffles or converts else depth - 1
        parts = [self._write(number, below) for number in node.inputs[:OPERANDS]]
        parts += [LEFT_OUT] * (len(node.inputs) > OPERANDS)
        # An Op of a name that is known here may come from elsewhere and take other operands.
        if parts and (converts or (shuffles and self._recording.variables[node.inputs[0]].value)):
            return parts[0]  # a constant fits any shape
        name = _short_name(op)
        inner = op.inner if kind.endswith("Elemwise") else None
        if inner is not None and len(inner.outputs) == 1 and _operations(inner) <= FEW:
            return _expand(inner, parts)
        if kind in BLAS and len(parts) == 5:
            return _blas(parts[-1], parts[1], parts[0], (parts[2], parts[3]))
        if operation := _operation(name, parts):
            return operation
        return _postfix(op, name, parts) or _call(op, name, parts), ATOM


def _short(part: Part) -> Part:
    text, strength = part
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…", strength


def _infix(name: str, parts: Sequence[Part]) -> Part:
    symbol, strength = INFIX[name]
    tight = 0 if name == "Pow" else 1  # a ** b ** c is a ** (b ** c), all others go left to right
    written = [_wrap(part, strength + ((i > 0) == tight)) for i, part in enumerate(parts)]
    return f" {symbol} ".join(written), strength


def _operation(name: str, parts: Sequence[Part]) -> Part | None:
    """What is written with a sign: between its operands, or before the only one."""
    if name in INFIX and len(parts) > 1:
        return _infix(name, parts)
    if not parts:
        return None
    if name == "Neg":
        return f"-{_wrap(parts[0], UNARY)}", UNARY
    if name == "Reciprocal":
        return f"1 / {_wrap(parts[0], UNARY)}", INFIX["TrueDiv"][1]
    return None


def _blas(beta: Part, alpha: Part, onto: Part, factors: tuple[Part, Part]) -> Part:
    """β·y + α·A @ x, without what is zero or one."""
    product = _infix("Dot", factors)
    if _float(alpha[0]) != 1.0:
        product = _infix("Mul", (alpha, product))
    if _float(beta[0]) == 0.0:
        return product
    base = onto if _float(beta[0]) == 1.0 else _infix("Mul", (beta, onto))
    return _infix("Add", (base, product))


def _float(text: str) -> float | None:
    """The number that a formula is, if it is one."""
    try:
        return float(text)
    except ValueError:
        return None


def _expand(inner: Inner, parts: Sequence[Part]) -> Part:
    """The formula of a small fused Op, with its operands put in."""
    known: dict[str, Part] = {f"i{i}": part for i, part in enumerate(parts)}
    for node in inner.nodes:
        operands = [known.get(name, (name, ATOM)) for name in node.inputs[:OPERANDS]]
        operands += [LEFT_OUT] * (len(node.inputs) > OPERANDS)
        if node.inner is not None and len(node.inner.outputs) == 1:
            known[node.output] = _expand(node.inner, operands)
            continue
        word = node.op.partition("{")[0]
        name = SCALARS.get(word.replace("_", "").lower(), word)
        if operands and name in ("TensorFromScalar", "ScalarFromTensor", "ExpandDims", "Squeeze"):
            known[node.output] = operands[0]
            continue
        arguments = ", ".join(text for text, _ in operands)
        word = _braced(node.op) if name == "Cast" else FUNCTIONS.get(name, name.lower())
        known[node.output] = _short(_operation(name, operands) or (f"{word}({arguments})", ATOM))
    return known.get(inner.outputs[0], (inner.outputs[0], ATOM))


def _short_name(op: Op) -> str:
    """The word for an Op: its scalar Op's class, its own class, without decoration."""
    kind = op.kind.rpartition(".")[2]
    if kind in ("Dot22", "Dot22Scalar", "BatchedDot") or op.scalar.endswith(".Dot"):
        return "Dot"
    if op.inner is None and kind == "Elemwise" and op.scalar:
        return op.scalar.rpartition(".")[2]
    if op.kind.startswith("pytensor.scalar."):
        return kind
    return op.name


def _wrap(part: Part, strength: int) -> str:
    text, own = part
    return text if own >= strength else f"({text})"


def _postfix(op: Op, name: str, parts: Sequence[Part]) -> str:
    """What NumPy writes behind its operand, or nothing."""
    if not parts:
        return ""
    operand = _wrap(parts[0], ATOM)
    kind = op.kind.rpartition(".")[2]
    if kind == "Shape_i":
        return f"{operand}.shape[{_braced(op.name)}]"
    if kind == "Shape":
        return f"{operand}.shape"
    if kind != "DimShuffle":
        return ""
    if op.name == "MatrixTranspose":
        return f"{operand}.T"
    axis = re.fullmatch(r"(ExpandDims|Squeeze)\{axis=(\d{1,2})\}", op.name)
    if axis and axis[1] == "ExpandDims":
        return f"{operand}[{':, ' * int(axis[2])}None]"
    return f"{operand}.squeeze({axis[2]})" if axis else ""


def _call(op: Op, name: str, parts: Sequence[Part]) -> str:
    arguments = ", ".join(text for text, _ in parts)
    kind = op.kind.rpartition(".")[2]
    if op.inner is not None and "{..." in name and kind.endswith("Elemwise"):
        return f"fused[{_operations(op.inner)} operations]({arguments})"
    if name.startswith("Cast"):
        return f"{_braced(op.name) or 'cast'}({arguments})"
    if kind in ("Sum", "Prod", "Max", "Min", "All", "Any", "Mean"):
        axes = _braced(op.name)
        axis = "" if axes in ("", "axes=None") else f", {axes.replace('axes', 'axis')}"
        return f"{kind.lower()}({arguments}{axis})"
    if op.scalar and op.inner is None:
        return f"{FUNCTIONS.get(name, name.lower())}({arguments})"
    if kind in UNDECORATED or len(name) > 40:
        name = name.partition("{")[0]
    return f"{name}({arguments})"


def _operations(inner: Inner) -> int:
    return sum(_operations(node.inner) if node.inner else 1 for node in inner.nodes)


def _braced(name: str) -> str:
    found = re.search(r"\{(.*)\}", name)
    return found[1] if found else ""
