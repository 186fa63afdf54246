"""Statements and the loops around them, written as C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphs.native.schedule.fusion import Item, Nest
from graphs.native.schedule.storage import (
    Home,
    Storage,
    block_of,
    nest_of,
    outer_reduction,
)
from graphs.native.statements import Array, Index, Place, Read, Statement
from graphs.native.values import is_one
from graphs.native.write.expressions import C_TYPES, cast, combine
from graphs.native.write.rendering import render

__all__ = ["LoopWriter", "elements", "memory_name"]


class LoopWriter:
    """Writes statements and loops; :class:`graphs.native.write.blocks.NestWriter` adds the outermost ones.

    Attributes
    ----------
    lines : list of str
        What has been written.
    spans : list of tuple
        First line, last line (from 0), Apply nodes, of each commented piece.
    pieces : list of tuple
        The same of the lines of each statement alone, its formula in the comment among them.
    memory : list of tuple
        Name, C type and number of elements of each piece of scratch memory needed.
    """

    def __init__(self, storage: Storage, helpers: set[str]) -> None:
        self.storage = storage
        self.helpers = helpers
        self.lines: list[str] = []
        self.spans: list[tuple[int, int, list[int]]] = []
        self.pieces: list[tuple[int, int, list[int]]] = []
        self.memory: list[tuple[str, str, str]] = []
        self.level = 1
        self.teams = 0
        self.lane = 0
        self.laned: Nest | None = None
        self.lanes = 1
        self.row = "0"
        self.parts: dict[Array, str] = {}

    # ---- text

    def put(self, text: str = "") -> None:
        """One line at the present depth."""
        self.lines.append("    " * self.level + text if text else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """`head` and braces around what follows."""
        self.put(f"{head} {{" if head else "{")
        self.level += 1
        yield
        self.level -= 1
        self.put("}")

    def index_text(self, index: Index) -> str:
        """A loop variable, moved on by the lane being written."""
        nest = nest_of(index)
        assert nest is not None
        if nest is self.laned and self.row_text() != "0":
            return f"{nest.variable} + {self.row_text()}"
        return nest.variable

    def row_text(self) -> str:
        """Which row of the block is being written: a lane's number or a loop variable."""
        return str(self.lane) if self.lanes > 1 else self.row

    def local_name(self, array: Array) -> str:
        """The C variable that holds an array's element at hand."""
        return f"{array.name}_r{self.lane}" if self.laned is not None and self.lanes > 1 else array.name

    def place_text(self, place: Place) -> str:
        """Position along one axis."""
        if place.index is None:
            return place.start
        text = self.index_text(place.index)
        if place.step != "1":
            text = f"({text}) * {place.step}" if " " in text else f"{text} * {place.step}"
        return text if place.start == "0" else f"{place.start} + {text}"

    def element(self, array: Array, places: Sequence[Place]) -> str:
        """C text of an array element in memory."""
        if array.kind == "input":
            terms = []
            for k, place in enumerate(places):
                text = self.place_text(place)
                if text != "0":
                    factor = "" if k == array.fast else f" * {array.name}_s{k}"
                    terms.append(f"({text}){factor}" if " " in text and factor else text + factor)
            return f"{array.name}[{' + '.join(terms) or '0'}]"
        home = self.storage.homes.get(array)
        axes = [k for k, d in enumerate(array.dims) if not is_one(d)] if home is None else home.axes
        text = ""
        for k in axes:
            here = self.place_text(places[k])
            length = array.dims[k].find().token
            if home is not None and home.blocked_axis == k:
                assert home.blocked is not None
                here, length = self.row_text(), str(block_of(home.blocked))
            text = (
                here
                if not text
                else f"({text}) * {length} + {here}"
                if " " in text
                else f"{text} * {length} + {here}"
            )
        name = self.parts.get(array, memory_name(array, home))
        return f"{name}[{text or '0'}]"

    def read_text(self, statement: Statement, read: Read) -> str:
        """How a statement reads an array: a local variable where one holds just that."""
        home = self.storage.homes.get(read.array)
        if home is not None and home.local:
            writer = home.writers[0]
            if self.storage.same_scope(writer, statement, read.places):
                return self.local_name(read.array) if writer.free else read.array.name
        return self.element(read.array, read.places)

    # ---- statements

    def leaf(self, statement: Statement) -> None:
        """One statement, once for every lane."""
        start = len(self.lines)
        self._leaf(statement)
        self.pieces.append((start, len(self.lines) - 1, statement.nodes))

    def _leaf(self, statement: Statement) -> None:
        lanes = range(self.lanes) if self.laned is not None else range(1)
        accumulating = bool(statement.reduced)
        over_rows = any(nest_of(index) is self.laned for index in statement.reduced)
        if over_rows and self.lanes > 1 and not self.storage.scalar(statement):
            self._sum_lanes(statement, lanes)
            return
        for lane in lanes:
            self.lane = lane
            if accumulating:
                self._accumulate(statement)
            else:
                self._assign(statement)
        self.lane = 0

    def _value(self, statement: Statement) -> str:
        expression = cast(statement.expression, statement.target.dtype)
        if statement.combine == "argmax":
            expression = statement.expression
        return render(expression, lambda r: self.read_text(statement, r), self.index_text, self.helpers)[0]

    def _assign(self, statement: Statement) -> None:
        home = self.storage.homes[statement.target]
        ctype = C_TYPES[statement.target.dtype]
        value = self._value(statement)
        if statement.combine == "add":
            self.put(f"{self.element(statement.target, statement.places)} += {value};")
            return
        if statement.combine == "argmax":
            value = "0"
        if home.local:
            value, text = self.local_name(statement.target), value
            self.put(f"const {ctype} {value} = {text};")
        if home.memory:
            self.put(f"{self.element(statement.target, statement.places)} = {value};")

    def _sum_lanes(self, statement: Statement, lanes: range) -> None:
        """Several rows added to one place in memory: loaded and stored once."""
        place = self.element(statement.target, statement.places)
        total = f"{statement.target.name}_sum"
        with self.block(""):
            self.put(f"{C_TYPES[statement.target.dtype]} {total} = {place};")
            for lane in lanes:
                self.lane = lane
                self.put(self._add(statement, total))
            self.lane = 0
            self.put(f"{place} = {total};")

    def _add(self, statement: Statement, total: str) -> str:
        """``total += value``, in one rounding for products."""
        if statement.combine == "dot" and statement.target.dtype in ("float64", "float32"):
            helper = "madd" if statement.target.dtype == "float64" else "maddf"
            self.helpers.add(helper)
            operands = getattr(statement.expression, "operands")  # noqa: B009  dots are products
            a, b = (
                render(o, lambda r: self.read_text(statement, r), self.index_text, self.helpers)[0]
                for o in operands
            )
            return f"{total} = {helper}({a}, {b}, {total});"
        return combine(statement.combine, statement.target.dtype)[1].format(
            acc=total, value=f"{self._value(statement)}"
        )

    def _accumulator(self, statement: Statement) -> str:
        if self.storage.scalar(statement):
            return self.local_name(statement.target) if statement.free else statement.target.name
        return self.element(statement.target, statement.places)

    def _accumulate(self, statement: Statement) -> None:
        name = self._accumulator(statement)
        if statement.combine == "argmax":
            self._argmax(statement, name)
        elif statement.combine in ("max", "min"):
            with self.block(""):
                self.put(f"const {C_TYPES[statement.target.dtype]} v = {self._value(statement)};")
                self.put(combine(statement.combine, statement.target.dtype)[1].format(acc=name, value="v"))
        else:
            self.put(self._add(statement, name))

    def _argmax(self, statement: Statement, name: str) -> None:
        position = ""
        for index in statement.reduced:
            text = self.index_text(index)
            position = text if not position else f"({position}) * {index.dim.find().token} + {text}"
        best = f"{name}_value"
        with self.block(""):
            self.put(f"const {C_TYPES[statement.expression.dtype]} v = {self._value(statement)};")
            nan = (
                f" || (v != v && {best} == {best})" if statement.expression.dtype.startswith("float") else ""
            )
            self.put(f"if (v > {best}{nan}) {{ {best} = v; {name} = {position}; }}")

    # ---- loops

    def _lanes_of(self, statement: Statement) -> range:
        """One turn for every row that has its own result."""
        return range(self.lanes if self.laned is not None and statement.free else 1)

    def begin(self, nest: Nest) -> None:
        """First values of everything combined over this loop."""
        for statement in nest.members:
            if outer_reduction(statement) is not nest:
                continue
            if statement.combine == "argmax":
                dtype = statement.expression.dtype
                first = combine("max", dtype)[0]
            else:
                first = combine(statement.combine, statement.target.dtype)[0]
            for lane in self._lanes_of(statement):
                self.lane = lane
                self._first_value(statement, first)
            self.lane = 0

    def _first_value(self, statement: Statement, first: str) -> None:
        ctype = C_TYPES[statement.target.dtype]
        if self.storage.scalar(statement):
            name = self._accumulator(statement)
            if statement.combine == "argmax":
                self.put(f"{C_TYPES[statement.expression.dtype]} {name}_value = {first};")
                first = "0"
            self.put(f"{ctype} {name} = {first};")
            return
        outer = outer_reduction(statement)
        assert outer is not None
        inner = [i for i in statement.free if (n := nest_of(i)) is not None and n.depth >= outer.depth]
        head = " ".join(
            f"for (int64_t {v} = 0; {v} < {i.dim.find().token}; ++{v})"
            for i in inner
            if (n := nest_of(i)) is not None and (v := n.variable)
        )
        self.put(f"{head} {self.element(statement.target, statement.places)} = {first};")

    def end(self, nest: Nest) -> None:
        """Store what was combined in variables and is wanted in memory."""
        for statement in nest.members:
            home = self.storage.homes[statement.target]
            if outer_reduction(statement) is nest and self.storage.scalar(statement) and home.memory:
                for lane in self._lanes_of(statement):
                    self.lane = lane
                    self.put(
                        f"{self.element(statement.target, statement.places)} = {self._accumulator(statement)};"
                    )
                self.lane = 0

    def items(self, items: Sequence[Item]) -> None:
        """Statements and inner loops, in order."""
        for item in items:
            if isinstance(item, Statement):
                self.leaf(item)
            else:
                self.loop(item)

    def loop(self, nest: Nest, first: str = "0", last: str = "") -> None:
        """One loop with all in it."""
        self.begin(nest)
        self.pragma(nest, nest.body)
        v = nest.variable
        with self.block(f"for (int64_t {v} = {first}; {v} < {last or nest.dim.token}; ++{v})"):
            self.items(nest.body)
        self.end(nest)

    def pragma(self, nest: Nest | None, body: Sequence[Item]) -> None:
        """Ask for vector instructions where each turn stands alone or only adds."""
        nest = nest or self.laned
        if not all(isinstance(item, Statement) for item in body):
            return
        sums: dict[str, list[str]] = {}
        for statement in body:
            assert isinstance(statement, Statement)
            if statement.combine not in ("=", "add", "dot", "+", "*"):
                return
            if any(nest_of(i) is nest for i in statement.reduced):
                if not self.storage.scalar(statement):
                    return
                names = sums.setdefault("*" if statement.combine == "*" else "+", [])
                for lane in self._lanes_of(statement):
                    self.lane = lane
                    names.append(self._accumulator(statement))
                self.lane = 0
        clauses = "".join(f" reduction({op}:{', '.join(names)})" for op, names in sums.items())
        self.put(f"#pragma omp simd{clauses}")


def memory_name(array: Array, home: Home | None) -> str:
    """The pointer to an array's memory."""
    if array.kind == "output":
        return f"{array.name}_out"
    if home is not None and home.blocked is not None:
        return f"{array.name}_block"
    return array.name if home is None or not home.local else f"{array.name}_memory"


def elements(array: Array, home: Home | None) -> str:
    """How many elements an array's memory has, as C text."""
    axes = range(len(array.dims)) if home is None else home.axes
    return " * ".join(array.dims[k].find().token for k in axes if not is_one(array.dims[k])) or "1"
