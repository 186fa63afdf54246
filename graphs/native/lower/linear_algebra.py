"""Ops of linear algebra, one matrix or a batch of them: LAPACK and BLAS, by the pointers that SciPy hands out.

C's memory order is the transpose of Fortran's: what is lower here is upper there. Each is worked in place, in a copy.
What cannot be solved is NaN, as PyTensor's Ops have it; a singular matrix has no inverse, which is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.linalg.decomposition.cholesky import Cholesky
from pytensor.tensor.linalg.decomposition.eigen import Eigh
from pytensor.tensor.linalg.inverse import MatrixInverse
from pytensor.tensor.linalg.solvers.general import Solve
from pytensor.tensor.linalg.solvers.psd import CholeskySolve
from pytensor.tensor.linalg.solvers.triangular import SolveTriangular
from pytensor.tensor.linalg.summary import Det, SLogDet

import graphs.native.statements as ir
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Lowering, Value, View
from graphs.native.program import OpUnknown

__all__ = ["CORES", "linear_algebra"]

BLAS = ("trsm",)


def linear_algebra(state: Lowering, node: Any, number: int) -> None:
    """An Op of the table below, or a Blockwise of it."""
    op = node.op.core_op if isinstance(node.op, Blockwise) else node.op
    lower = next((CORES[kind] for kind in type(op).__mro__ if kind in CORES), None)
    if lower is None:
        raise OpUnknown(f"the Op {node.op}")
    if node.outputs[0].type.dtype not in ("float64", "float32"):
        raise OpUnknown(f"{node.op} of {node.outputs[0].type.dtype}")
    lower(_Work(state, node, number, op))


class _Work:
    """One node being lowered: its matrices, and the functions that work on them."""

    def __init__(self, state: Lowering, node: Any, number: int, op: Any) -> None:
        self.state, self.node, self.number, self.op = state, node, number, op
        self.dtype = node.outputs[0].type.dtype
        self.batch = node.outputs[0].type.ndim - self.core_rank(0)
        self.values = [state.element(v) for v in node.inputs]
        self.leading = [state.one] * self.batch
        for value in self.values:
            rank = len(value.dims) - self.input_rank(self.values.index(value))
            state.broadcast(self.leading, value.dims[:rank], f"in {node.op}")
        self.nodes = [*(n for value in self.values for n in value.nodes), number]

    def core_rank(self, output: int) -> int:
        """How many axes an output has of each matrix of the batch."""
        if isinstance(self.op, Det | SLogDet):
            return 0
        if isinstance(self.op, Eigh):
            return 1 + output
        return int(getattr(self.op, "b_ndim", 2))

    def input_rank(self, position: int) -> int:
        """How many axes an input has of each matrix of the batch."""
        return int(getattr(self.op, "b_ndim", 2)) if position else 2

    def copy(
        self, position: int, name: str | None = None, *, turned: bool = False, mirrored: str = ""
    ) -> View:
        """An input in memory of its own, for every matrix of the batch; `turned`: each with its axes exchanged.

        `mirrored`: each with its one triangle, ``lower`` or ``upper``, in the place of the other too.
        """
        value, rank = self.values[position], self.input_rank(position)
        if mirrored and isinstance(value, Formula) and not value.cheap:
            value = self.state.solid(value)  # the text names it twice
        dims = [*self.leading, *value.dims[len(value.dims) - rank :]]
        if turned:
            dims[-2:] = dims[:-3:-1]
        leading = len(value.dims) - rank

        def build(indices: Indices) -> ir.Expression:
            core = list(indices[self.batch :])
            if turned:
                core.reverse()
            batch = indices[self.batch - leading : self.batch]
            found = cast(value.at([*batch, *core]), self.dtype)
            if not mirrored:
                return found
            row, column = (ir.ZERO if i is None else ir.Position("int64", i) for i in core)
            kept = ir.compare(column, "<=" if mirrored == "lower" else ">=", row)
            return ir.choose(kept, found, cast(value.at([*batch, *core[::-1]]), self.dtype))

        return self.state.hold(Formula(self.dtype, dims, build, nodes=self.nodes), name)

    def square(self, matrix: View) -> ir.Expression:
        """How many rows a matrix has, which must be as many as its columns."""
        dim = self.state.unify(
            matrix.dims[-2], matrix.dims[-1], f"{self.node.op} of a matrix that is not square"
        )
        return dim.length

    @property
    def count(self) -> ir.Expression:
        """How many matrices there are."""
        return ir.product(dim.length for dim in self.leading)

    def scratch(self, name: str, dtype: str, dims: Sequence[ir.Dim], factor: int = 1) -> ir.Array:
        """Memory that a function needs."""
        lengths = ir.product([ir.Literal("int64", factor), *(dim.length for dim in dims)])
        return self.state.array(name, dtype, [self.state.dim(lengths, f"room for {self.node.op}")])

    def outside(self, short: str) -> str:
        """The name under which C has a function of BLAS or LAPACK."""
        name = ("d" if self.dtype == "float64" else "s") + short
        module = "blas" if short in BLAS else "lapack"
        known = f"scipy.linalg.cython_{module}.{name}"
        if known not in self.state.made.functions:
            self.state.made.functions.append(known)
        return name

    def call(
        self,
        function: str,
        outside: Sequence[str],
        numbers: Sequence[ir.Expression | int],
        reads: Sequence[ir.Array],
        writes: Sequence[ir.Array],
        formula: str,
        result: ir.Named | None = None,
    ) -> None:
        """Add a call: outside functions, numbers, what is read, what is written, in that order."""
        given = [n if isinstance(n, ir.Expression) else ir.Literal("int64", n) for n in numbers]
        own = function if self.dtype == "float64" else f"{function}f"
        arguments: list[ir.Argument] = [*map(self.outside, outside), *given, *reads, *writes]
        # what is worked in place is read too
        self.state.call(ir.Call(own, arguments, [*reads, *writes], [*writes], formula, self.nodes, result))

    def give(self, view: Value, output: int = 0) -> None:
        """Let an output be this value."""
        variable = self.node.outputs[output]
        self.state.promise(view.dims, variable.type.shape, f"in {self.node.op}")
        self.state.values[variable] = view


def _cholesky(work: _Work) -> None:
    factor = work.copy(0, work.node.outputs[0].name)
    name = factor.array.name
    numbers: list[ir.Expression | int] = [work.count, work.square(factor), int(work.op.lower)]
    work.call("cholesky", ["potrf"], numbers, [], [factor.array], f"{name} = the Cholesky factor of {name}")
    work.give(factor)


def _solve_triangular(work: _Work) -> None:
    matrix, found = work.copy(0), work.copy(1, work.node.outputs[0].name)
    rows, columns = _sides(work, matrix, found)
    numbers: list[ir.Expression | int] = [
        work.count,
        rows,
        columns,
        int(work.op.lower),
        int(work.op.unit_diagonal),
    ]
    formula = f"{found.array.name} = what {matrix.array.name}, a triangle, takes to {found.array.name}"
    work.call("solve_triangle", ["trsm"], numbers, [matrix.array], [found.array], formula)
    work.give(found)


def _cholesky_solve(work: _Work) -> None:
    matrix, found = work.copy(0), work.copy(1, work.node.outputs[0].name)
    rows, columns = _sides(work, matrix, found)
    numbers: list[ir.Expression | int] = [work.count, rows, columns, int(work.op.lower)]
    formula = f"{found.array.name} = what the square of {matrix.array.name} takes to {found.array.name}"
    work.call("solve_factored", ["trsm"], numbers, [matrix.array], [found.array], formula)
    work.give(found)


def _solve(work: _Work) -> None:
    symmetric = work.op.assume_a in ("sym", "her")  # of which one triangle is looked at
    if work.op.assume_a not in ("gen", "pos") and not symmetric:
        raise OpUnknown(f"{work.node.op} of a matrix that is {work.op.assume_a}")
    side = ("lower" if work.op.lower else "upper") if symmetric else ""
    matrix, found = work.copy(0, mirrored=side), work.copy(1, work.node.outputs[0].name)
    rows, columns = _sides(work, matrix, found)
    formula = f"{found.array.name} = what {matrix.array.name} takes to {found.array.name}"
    numbers: list[ir.Expression | int]
    if work.op.assume_a == "pos":
        numbers = [work.count, rows, columns, int(work.op.lower)]
        work.call("solve_positive", ["potrf", "trsm"], numbers, [], [matrix.array, found.array], formula)
    else:
        pivots = work.scratch("pivots", "int32", [matrix.dims[-1]])
        room = work.scratch("room", work.dtype, found.dims[work.batch :])
        numbers = [work.count, rows, columns]
        arrays = [pivots, room, matrix.array, found.array]
        work.call("solve", ["getrf", "getrs"], numbers, [], arrays, formula)
    work.give(found)


def _sides(work: _Work, matrix: View, found: View) -> tuple[ir.Expression, ir.Expression]:
    """Rows of a matrix, and columns of what stands on the other side of an equation."""
    rows = work.square(matrix)
    work.state.unify(matrix.dims[-1], found.dims[work.batch], f"{work.node.op} of sides that do not fit")
    return rows, ir.product(dim.length for dim in found.dims[work.batch + 1 :])


def _inverse(work: _Work) -> None:
    matrix = work.copy(0, work.node.outputs[0].name)
    pivots = work.scratch("pivots", "int32", [matrix.dims[-1]])
    room = work.scratch("room", work.dtype, [matrix.dims[-1]], 64)
    singular = ir.Named("int64", work.state.name("singular"))
    name = matrix.array.name
    arrays = [pivots, room, matrix.array]
    numbers: list[ir.Expression | int] = [work.count, work.square(matrix)]
    work.call("invert", ["getrf", "getri"], numbers, [], arrays, f"{name} = the inverse of {name}", singular)
    work.state.check(ir.compare(singular, "!=", 0), "numpy.linalg.LinAlgError", "Singular matrix")
    work.give(matrix)


def _determinant(work: _Work) -> None:
    matrix = work.copy(0)
    pivots = work.scratch("pivots", "int32", [matrix.dims[-1]])
    sign, log = (work.state.array(name, work.dtype, work.leading) for name in ("sign", "log_size"))
    numbers: list[ir.Expression | int] = [work.count, work.square(matrix)]
    formula = f"{sign.name}, {log.name} = of the determinant of {matrix.array.name}"
    work.call("determinant", ["getrf"], numbers, [], [pivots, matrix.array, sign, log], formula)
    views = [work.state.whole(array) for array in (sign, log)]
    if isinstance(work.op, SLogDet):
        for output, view in enumerate(views):
            work.give(view, output)
        return
    one, other = views

    def build(indices: Indices) -> ir.Expression:
        size = cast(ir.Apply("float64", "exp", (cast(other.at(indices), "float64"),)), work.dtype)
        return one.at(indices) * size

    work.give(work.state.hold(Formula(work.dtype, list(work.leading), build, nodes=work.nodes)))


def _eigh(work: _Work) -> None:
    if len(work.node.inputs) != 1 or work.op.driver not in (None, "evr"):
        raise OpUnknown(f"{work.node.op} of two matrices, or by another method")
    matrix = work.copy(
        0, turned=True
    )  # in Fortran's order, so that the same is computed as by SciPy, signs too
    side = matrix.dims[-1]
    vectors = work.state.array(None, work.dtype, matrix.dims, "vectors")
    values = work.state.array(work.node.outputs[0].name, work.dtype, [*work.leading, side], "values")
    room, whole = work.scratch("room", work.dtype, [side], 32), work.scratch("whole", "int32", [side], 14)
    failed = ir.Named("int64", work.state.name("failed"))
    numbers: list[ir.Expression | int] = [work.count, work.square(matrix), int(work.op.lower)]
    arrays = [room, whole, matrix.array, vectors, values]
    formula = f"{values.name}, {vectors.name} = eigenvalues and eigenvectors of {matrix.array.name}"
    work.call("eigen", ["syevr"], numbers, [], arrays, formula, failed)
    said = "the eigenvalues of a matrix could not be computed"
    work.state.check(ir.compare(failed, "!=", 0), "numpy.linalg.LinAlgError", said)
    work.give(work.state.whole(values))
    seen = work.state.whole(vectors)
    last = len(seen.dims) - 1
    exchanged = {k: k for k in range(last - 1)} | {last - 1: last, last: last - 1}
    dims = [*seen.dims[:-2], seen.dims[-1], seen.dims[-2]]
    work.give(seen.moved(dims, exchanged), 1)


#: Which Op is worked by what.
CORES: dict[type, Callable[[_Work], None]] = {
    Cholesky: _cholesky,
    SolveTriangular: _solve_triangular,
    CholeskySolve: _cholesky_solve,
    Solve: _solve,
    MatrixInverse: _inverse,
    Det: _determinant,
    SLogDet: _determinant,
    Eigh: _eigh,
}
