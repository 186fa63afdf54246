"""Loop nests as C: statements, the loops around them, the outermost ones in blocks of rows, shared among threads.

Long because one state goes through it all: which rows of a block are being written. Statements are written once
for every row of a block (lanes, inside the inner loops, so that what the rows share is loaded once) or inside a
small loop over the rows. From the inside out: places and elements, statements, loops, what an outermost loop adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import graphs.native.statements as ir
from graphs.native.schedule.fusion import Item, Nest, statements_in
from graphs.native.schedule.storage import (
    PIECE,
    Home,
    Storage,
    backward,
    block_of,
    has_loops,
    in_lanes,
    is_blocked,
    loops_of,
    phases,
    width,
)
from graphs.native.statements import calls
from graphs.native.write.expressions import C_TYPES, Text, combine_text, first_text, reduction_text, render
from graphs.native.write.names import Names

__all__ = ["LoopWriter"]

Span = tuple[int, int, list[int]]  # first line, last line (from 0), Apply nodes
Piece = tuple[int, int, list[int], str]  # likewise; the formula, where the line is a comment's
Memory = tuple[str, str, str, list[ir.Dim]]  # name, C type, number of elements, of which lengths that is made


ReadText = Callable[[ir.Read], Text]
Rows = Callable[[Nest, str, str], None]  # writes a loop's turns, from one to another

SHORT = 2**18  # turns: fewer are not worth several threads
MAX_PARTS = 64
ABREAST = 32  # elements: in shorter rows than these functions are called for the rows of a block side by side
VECTOR = 32  # bytes of largest numbers in a vector: with 64, rows of 10 numbers take 1.4 times as long


class LoopWriter:
    """Writes all loops of one function."""

    def __init__(self, names: Names, storage: Storage) -> None:
        self.names, self.storage, self.nests = names, storage, storage.nests
        self.lines: list[str] = []
        self.spans: list[Span] = []  # of each outermost loop with its comment
        self.pieces: list[Piece] = []  # of each statement alone, its formula in a comment among them
        self.memory: list[Memory] = []  # scratch memory that the loops need beside the arrays'
        self.called: set[str] = set()  # C functions
        self.level = 1  # of indentation
        self.shared = 0  # outermost loops whose rows threads share, so far
        self.laned: Nest | None = None  # the loop whose block of rows is being written:
        self.lanes = 1  # every statement for so many rows,
        self.lane = 0  # now for this one of them,
        self.row = "0"  # or all in a loop over them, which has this variable
        self.abreast = False  # that loop inside the inner one
        self.backward: set[Nest] = set()  # loops that are written from their end
        self.mine: dict[ir.Array, str] = {}  # where a part of the rows is summed
        # whether a recurrence is being written: its turns are short, threads would only wait
        self.in_turns = False

    # ---- text

    def put(self, text: str = "") -> None:
        """One line at the present depth."""
        self.lines.append("    " * self.level + text if text else "")

    @contextmanager
    def block(self, head: str = "") -> Iterator[None]:
        """`head` and braces around what follows."""
        self.put(f"{head} {{" if head else "{")
        self.level += 1
        yield
        self.level -= 1
        self.put("}")

    def each_lane(self, count: int) -> Iterator[int]:
        """Turns, each for one row of the block."""
        for self.lane in range(count):
            yield self.lane
        self.lane = 0

    def length(self, index: ir.Index) -> str:
        """How far an index goes."""
        return self.names.length(index.dim)

    def index_text(self, index: ir.Index) -> Text:
        """A loop variable, moved on by the lane being written."""
        nest = self.nests.loops[index]
        name, row = self.names.loops[nest], self.row_text()
        return Text(f"{name} + {row}", 6) if nest is self.laned and row != "0" else Text(name)

    def row_text(self) -> str:
        """Which row of the block is being written: a lane's number or a loop variable."""
        return str(self.lane) if self.lanes > 1 else self.row

    def local_name(self, array: ir.Array) -> str:
        """The C variable that holds an array's element at hand."""
        return f"{array.name}_r{self.lane}" if self.lanes > 1 else array.name

    def number(self, expression: ir.Expression, read: ReadText | None = None) -> Text:
        """A number outside loops, or where a place begins."""
        reading = read or self.reading(None)
        return render(expression, self.names.length, self.called, reading, self.index_text, self.stride)

    def stride(self, stride: ir.Stride) -> Text:
        """How many elements lie between neighbours along an axis."""
        array, axis = stride.array, stride.axis
        if array.kind == "input":
            return Text("1" if axis == array.fast else f"{array.name}_s{axis}")
        lengths = [self.names.length(dim) for dim in array.dims[axis + 1 :] if not dim.is_one]
        return Text(" * ".join(lengths), 7) if lengths else Text("1")

    def place_text(self, place: ir.Place, read: ReadText | None = None) -> Text:
        """Position along one axis; `read` gives what is written for an array's element."""
        if place.index is None:
            return self.number(place.start, read)
        at = self.index_text(place.index)
        if place.step != ir.ONE:
            at = Text(f"{at.within(8)} * {self.number(place.step, read).within(8)}", 7)
        if place.start == ir.ZERO:
            return at
        return Text(f"{self.number(place.start, read).within(6)} + {at.text}", 6)

    def element(self, array: ir.Array, places: Sequence[ir.Place], read: ReadText | None = None) -> str:
        """C text of an array element in memory; `read` for the elements that say where it is."""
        if array.kind == "input":
            used = [
                (k, self.place_text(place, read)) for k, place in enumerate(places) if place != ir.Place()
            ]
            terms = [
                at.within(6) if k == array.fast else f"{at.within(8)} * {array.name}_s{k}" for k, at in used
            ]
            return f"{array.name}[{' + '.join(terms) or '0'}]"
        home = self.storage.homes.get(array)
        at = Text("")
        for k in _axes(array, home):
            here, length = self.place_text(places[k], read), self.names.length(array.dims[k])
            if home is not None and home.blocked is not None and home.blocked_axis == k:
                here, length = Text(self.row_text()), str(block_of(home.blocked))
            at = Text(f"{at.within(8)} * {length} + {here.within(6)}", 6) if at.text else here
        return f"{self.mine.get(array) or self.whole(array)}[{at.text or '0'}]"

    def target_text(self, statement: ir.Statement) -> str:
        """The element in memory that a statement writes."""
        return self.element(statement.target, statement.places, self.reading(statement))

    def read_text(self, statement: ir.Statement, read: ir.Read) -> str:
        """How a statement reads an array: a local variable where one holds just that."""
        home = self.storage.homes.get(read.array)
        if home is not None and home.local:
            writer = home.writers[0]
            if self.storage.same_scope(writer, statement, read.places):
                return self.local_name(read.array) if writer.free else read.array.name
        return self.element(read.array, read.places, self.reading(statement))

    def reading(self, statement: ir.Statement | None) -> ReadText:
        """How a statement, or what stands between loops, reads arrays."""

        def read(access: ir.Read) -> Text:
            if statement is not None:
                return Text(self.read_text(statement, access))
            home = self.storage.homes.get(access.array)
            if home is not None and home.local and not home.memory:
                return Text(access.array.name)
            return Text(self.element(access.array, access.places))

        return read

    def value(self, statement: ir.Statement, expression: ir.Expression | None = None) -> str:
        """A statement's expression, or a part of it."""
        whole = statement.expression if expression is None else expression
        return self.number(whole, self.reading(statement)).text

    # ---- statements

    def leaf(self, statement: ir.Statement) -> None:
        """One statement, once for every lane."""
        start = len(self.lines)
        over_rows = any(self.nests.of(index) is self.laned for index in statement.reduced)
        if over_rows and self.lanes > 1 and not self.storage.scalar(statement):
            self._sum_lanes(statement)
        else:
            for _ in self.each_lane(self.lanes):
                (self._accumulate if statement.reduced else self._assign)(statement)
        self.pieces.append((start, len(self.lines) - 1, statement.nodes, ""))

    def _assign(self, statement: ir.Statement) -> None:
        home = self.storage.homes[statement.target]
        value = self.value(statement)
        if statement.adds:
            self.put(f"{self.target_text(statement)} += {value};")
            return
        if statement.reduction is ir.Reduction.ARGMAX:
            value = "0"
        if home.local:
            value, text = self.local_name(statement.target), value
            self.put(f"const {C_TYPES[statement.target.dtype]} {value} = {text};")
        if home.memory:
            self.put(f"{self.target_text(statement)} = {value};")

    def _sum_lanes(self, statement: ir.Statement) -> None:
        """Several rows added to one place in memory: loaded and stored once."""
        place, total = self.target_text(statement), f"{statement.target.name}_sum"
        self.put(f"{C_TYPES[statement.target.dtype]} {total} = {place};")
        for _ in self.each_lane(self.lanes):
            self.put(self._add(statement, total))
        self.put(f"{place} = {total};")

    def _madd(self, dtype: str) -> str:
        """The function for a product that is added in one rounding."""
        name = "madd" if dtype == "float64" else "maddf"
        self.called.add(name)
        return name

    def _add(self, statement: ir.Statement, total: str) -> str:
        """``total += value``, in one rounding for products."""
        dtype, value = statement.target.dtype, statement.expression
        if statement.reduction is ir.Reduction.DOT and dtype in ("float64", "float32"):
            assert isinstance(value, ir.Apply)
            a, b = (self.value(statement, operand) for operand in value.operands)
            return f"{total} = {self._madd(dtype)}({a}, {b}, {total});"
        assert statement.reduction is not None
        return combine_text(statement.reduction, dtype, total, self.value(statement))

    def _accumulator(self, statement: ir.Statement) -> str:
        if self.storage.scalar(statement) and not self.abreast:
            array = statement.target
            return self.local_name(array) if statement.free else self.mine.get(array, array.name)
        return self.target_text(statement)

    def _accumulate(self, statement: ir.Statement) -> None:
        name, ctype = self._accumulator(statement), C_TYPES[statement.expression.dtype]
        if statement.reduction not in (ir.Reduction.LARGEST, ir.Reduction.SMALLEST, ir.Reduction.ARGMAX):
            self.put(self._add(statement, name))
            return
        with self.block():
            self.put(f"const {ctype} v = {self.value(statement)};")
            if statement.reduction is ir.Reduction.ARGMAX:
                best, place = f"{name}_value", ""
                for index in statement.reduced:
                    here = self.index_text(index).text
                    place = f"({place}) * {self.length(index)} + {here}" if place else here
                nan = f" || (v != v && {best} == {best})" if ctype in ("double", "float") else ""
                self.put(f"if (v > {best}{nan}) {{ {best} = v; {name} = {place}; }}")
            else:
                self.put(combine_text(statement.reduction, statement.target.dtype, name, "v"))

    # ---- loops

    def _own_lanes(self, statement: ir.Statement) -> Iterator[int]:
        """One turn for every row that has its own result."""
        return self.each_lane(self.lanes if statement.free else 1)

    def begin(self, nest: Nest) -> None:
        """First values of everything combined over this loop."""
        for statement in nest.members:
            if self.nests.outer_reduction(statement) is nest:
                self._first_value(statement, nest)

    def _first_value(self, statement: ir.Statement, nest: Nest) -> None:
        ctype = C_TYPES[statement.target.dtype]
        assert statement.reduction is not None
        first = first_text(statement.reduction, statement.expression.dtype)
        if self.storage.scalar(statement):
            names = [self._accumulator(statement) for _ in self._own_lanes(statement)]
            if statement.reduction is ir.Reduction.ARGMAX:
                values = ", ".join(f"{name}_value = {first}" for name in names)
                self.put(f"{C_TYPES[statement.expression.dtype]} {values};")
                first = "0"
            self.put(f"{ctype} {', '.join(f'{name} = {first}' for name in names)};")
            return
        for _ in self._own_lanes(statement):
            self._first_element(statement, nest, first)

    def _first_element(self, statement: ir.Statement, nest: Nest, first: str) -> None:
        name = self._accumulator(statement)
        inner = [i for i in statement.free if self.nests.loops[i].depth >= nest.depth]
        variables = [(self.names.loops[self.nests.loops[i]], self.length(i)) for i in inner]
        head = " ".join(f"for (int64_t {v} = 0; {v} < {n}; ++{v})" for v, n in variables)
        self.put(f"{head} {name} = {first};")

    def end(self, nest: Nest) -> None:
        """Store what was combined in variables and is wanted in memory."""
        for statement in nest.members:
            combined = self.nests.outer_reduction(statement) is nest and self.storage.scalar(statement)
            if combined and self.storage.homes[statement.target].memory:
                for _ in self._own_lanes(statement):
                    self.put(f"{self.target_text(statement)} = {self._accumulator(statement)};")

    def items(self, items: Sequence[Item]) -> None:
        """Statements and inner loops, in order."""
        for item in items:
            if isinstance(item, ir.Statement):
                self.leaf(item)
                continue
            if item.members[0].reduction is ir.Reduction.SYMMETRIC:
                self.mirrored(item.members[0])
                continue
            self.begin(item)
            if item in self.backward:
                self._pieces_backward(item)
            else:
                self.pragma(item, item.body)
                self.loop(item)
            self.end(item)

    def loop(self, nest: Nest, low: str = "0", high: str = "") -> None:
        """A loop and what is in it, all of it or from `low` to `high`."""
        v = self.names.loops[nest]
        with self.block(f"for (int64_t {v} = {low}; {v} < {high or self.names.length(nest.dim)}; ++{v})"):
            self.items(nest.body)

    def _pieces_backward(self, nest: Nest) -> None:
        """A loop that begins where the one before it has ended.

        Each piece goes forward: vectors that are loaded backwards are turned around, one by one.
        """
        v, n = self.names.loops[nest], self.names.length(nest.dim)
        low, high = f"{v}_first", f"{v}_last"
        self.put("/* piece by piece from the end: what the loop above has read last is still at hand */")
        head = f"int64_t {low} = ({n} - 1) & ~{PIECE - 1}; {low} >= 0; {low} -= {PIECE}"
        with self.block(f"for ({head})"):
            self.put(f"const int64_t {high} = {n} - {low} < {PIECE} ? {n} : {low} + {PIECE};")
            self.pragma(nest, nest.body)
            self.loop(nest, low, high)

    def pragma(self, nest: Nest | None, body: Sequence[Item]) -> None:
        """Ask for vector instructions where each turn stands alone or only adds."""
        clauses = self._simd(nest, body)
        if clauses is not None:
            self.put(f"#pragma omp simd{clauses}")

    def _simd(self, nest: Nest | None, body: Sequence[Item]) -> str | None:
        """What is said of sums where a loop goes in vectors; None where it does not."""
        sums: dict[str, list[str]] = {}
        for statement in body:
            if isinstance(statement, Nest) or statement.reduction is ir.Reduction.ARGMAX:
                return None
            if any(self.nests.of(index) is nest for index in statement.scattered):
                return None
            if any(self.nests.of(i) is nest for i in statement.reduced):
                if not self.storage.scalar(statement):
                    return None
                assert statement.reduction is not None
                how = reduction_text(statement.reduction, statement.target.dtype)
                self.called.add(how)
                sums.setdefault(how, []).extend(
                    self._accumulator(statement) for _ in self._own_lanes(statement)
                )
        clauses = "".join(f" reduction({how}:{', '.join(names)})" for how, names in sums.items())
        if not sums.keys().isdisjoint(("largest", "smallest")):
            # in the end the numbers of a vector are combined one by one: short rows would wait for that
            wide = max(width(s) for s in body if isinstance(s, ir.Statement) and s.reduced)
            clauses += f" simdlen({VECTOR // wide})"
        return clauses

    # ---- outermost loops

    def outermost(self, item: Item) -> None:
        """One loop of the function, or statements outside loops."""
        start = len(self.lines)
        self.comment(item)
        if isinstance(item, Nest):
            self.nest(item)
        else:
            self.leaf(item)
        nodes = sorted({n for s in statements_in(item) for n in s.nodes})
        self.spans.append((start, len(self.lines) - 1, nodes))
        self.put()

    def comment(self, item: Item) -> None:
        """What a loop computes, in formulas."""
        statements = list(statements_in(item))
        for k, statement in enumerate(statements, 1):
            formula = self.formula(statement)
            self.remark(formula, statement.nodes, first=k == 1, last=k == len(statements))

    def remark(self, formula: str, nodes: list[int], *, first: bool = True, last: bool = True) -> None:
        """A line of a comment: what is computed, and for which nodes."""
        self.pieces.append((len(self.lines), len(self.lines), nodes, formula))
        numbers = f"   [{', '.join(map(str, nodes))}]" if nodes else ""
        self.put(f"{'/*' if first else '  '} {formula}{numbers}{' */' if last else ''}")

    def formula(self, statement: ir.Statement) -> str:
        """A statement in words: ``z[i] = sum over j of x[i, j] * w[j]``."""

        def access(at: ir.Read | ir.Statement, array: ir.Array) -> Text:
            long = [p for p, dim in zip(at.places, array.dims, strict=True) if not dim.is_one]
            inside = ", ".join(self.place_text(place, read).text for place in long)
            return Text(f"{array.name}[{inside}]" if inside else array.name)

        def read(at: ir.Read) -> Text:
            return access(at, at.array)

        text = render(statement.expression, self.names.length, set(), read, self.index_text).text
        if statement.reduced:
            assert statement.reduction is not None
            over = ", ".join(self.index_text(i).text for i in statement.reduced)
            text = f"{statement.reduction.word} over {over} of {text}{statement.reduction.remark}"
        sign = "+=" if statement.adds else "="
        return f"{access(statement, statement.target).text} {sign} {text}"

    def nest(self, nest: Nest) -> None:
        """An outermost loop: which of the ways to write it down."""
        triangle = nest.members[0].reduction is ir.Reduction.SYMMETRIC
        # every turn adds to the same results
        summed = [s for s in nest.members if triangle or any(self.nests.of(i) is nest for i in s.reduced)]
        scattered = any(self.nests.of(index) is nest for s in nest.members for index in s.scattered)
        # parts could not be combined
        alone = self.in_turns or scattered or any(s.reduction is ir.Reduction.ARGMAX for s in summed)
        low, high = "0", self.names.length(nest.dim)
        if has_loops(nest) and is_blocked(nest):
            if not alone and self._parts(nest) != 1:
                self._in_parts(nest, summed, self._all_rows, "share_triangle" if triangle else "share")
                return
            self.begin(nest)  # what is combined may be wanted after the block
            with self.block():
                self._block_buffers(nest, "")
                self._all_rows(nest, low, high)
            self.end(nest)
            return
        rows = self._panels if is_blocked(nest) else self._turns
        # a row of a block may be an array itself, of which there is one only
        alone |= any(home.blocked is nest and len(home.axes) > 1 for home in self.storage.homes.values())
        if alone or not self._may_be_long(nest):
            self.begin(nest)
            rows(nest, low, high)
            self.end(nest)
        elif summed:
            self._in_parts(nest, summed, rows, "share")
        else:
            self._shared(nest)

    def _may_be_long(self, nest: Nest) -> bool:
        """Whether a loop without rows may be worth several threads.

        Not where its length is known to be short. Nor, if it is one loop only, inside a recurrence, or where the
        function elsewhere goes through the same axis and another one: then it is a small part of the whole.
        """
        work = self._constant_work(nest)
        if work is not None and work < SHORT:
            return False
        return has_loops(nest) or not (
            self.storage.recurs(nest.members[0]) or nest.dim in self.storage.crossed
        )

    def _work(self, nest: Nest) -> list[ir.Dim]:
        """Through how much a nest goes: the lengths that make it, multiplied."""
        return [index.dim.find() for index in max(nest.members, key=_turns).indices()]

    def _constant_work(self, nest: Nest) -> int | None:
        lengths = [dim.constant for dim in self._work(nest)]
        return None if None in lengths else math.prod(filter(None, lengths))

    def _parts(self, nest: Nest) -> int:
        """How many parts step.h's parts_of will say there are; 0: that is not known."""
        rows, work, parts = nest.dim.constant, self._constant_work(nest), 1
        if rows is None or work is None:
            return 0
        while parts < MAX_PARTS and work // parts >= SHORT and rows // parts >= 128:
            parts *= 2
        return parts

    def _turns(self, nest: Nest, low: str, high: str) -> None:
        """A loop as it stands."""
        self.pragma(nest, nest.body)
        self.loop(nest, low, high)

    def _shared(self, nest: Nest) -> None:
        """Turns that stand alone: any thread may take any of them."""
        chain = loops_of(nest)
        self.called.add("team_of")
        work = " * ".join(map(self.names.length, self._work(nest)))
        team = f"num_threads(team_of(threads, {work}))"
        if has_loops(nest):
            outer = len(chain) - (not has_loops(chain[-1]))
            together = f" collapse({outer})" if outer > 1 else ""
            self.put(f"#pragma omp parallel for{together} {team}")
        elif is_blocked(nest) or (clauses := self._simd(nest, nest.body)) is None:
            self.put(f"#pragma omp parallel for {team}")
        else:
            self.put(f"#pragma omp parallel for simd {team}{clauses}")
        if is_blocked(nest):
            self._panels(nest, "0", self.names.length(nest.dim))
        else:
            self.loop(nest)

    def _in_parts(self, nest: Nest, summed: Sequence[ir.Statement], rows: Rows, share: str) -> None:
        """The loop in parts, which threads take.

        How many parts there are and where each begins depends on lengths alone. What every turn adds to is summed
        in each part from nothing, and then over the parts in their order, whichever thread has which of
        them: so its bits do not depend on the threads. The first part is summed in place.
        """
        v, n = self.names.loops[nest], self.names.length(nest.dim)
        self.shared += 1
        number = "" if self.shared == 1 else f"_{self.shared}"
        parts, team = f"parts{number}", f"team{number}"
        self.called |= {"parts_of", share}
        work = " * ".join(map(self.names.length, self._work(nest)))
        self.put(
            f"const int {parts} = parts_of({n}, {work}), {team} = threads < {parts} ? threads : {parts};"
        )
        numbers = [s for s in summed if self.storage.scalar(s)]
        arrays = {s.target: s for s in summed if s not in numbers}
        for statement in numbers:
            self._first_value(statement, nest)
        for array in arrays:
            size = f"threads * ({self.elements(array)})"
            self.memory.append((f"{array.name}_parts", C_TYPES[array.dtype], size, array.dims))
        self.mine = {s.target: f"{s.target.name}_mine" for s in summed}
        order = " ordered schedule(static, 1)" if summed else ""
        self.put(f"#pragma omp parallel for{order} num_threads({team}) if ({team} > 1)")
        with self.block(f"for (int part = 0; part < {parts}; ++part)"):
            low, high = f"{v}_first", f"{v}_last"
            first, last = (f"{share}({n}, {part}, {parts})" for part in ("part", "part + 1"))
            self.put(f"const int64_t {low} = {first}, {high} = {last};")
            for array in arrays:
                own, whole = f"{array.name}_parts + THREAD * ({self.elements(array)})", self.whole(array)
                self.put(f"{C_TYPES[array.dtype]} *const {self.mine[array]} = part ? {own} : {whole};")
            if has_loops(nest):
                self._block_buffers(nest, team)
            self.begin(nest)
            rows(nest, low, high)
            if summed:
                self.put("#pragma omp ordered")
                with self.block():
                    self._combine(numbers, arrays)
        self.mine = {}
        self.end(nest)

    def _combine(self, numbers: Sequence[ir.Statement], arrays: Mapping[ir.Array, ir.Statement]) -> None:
        """What a part has summed, put to what those before it have."""
        self.put("/* part by part, whoever is done first */")
        for statement in numbers:
            array = statement.target
            self.put(self._joined(statement, array.name, self.mine[array]))
        if arrays:
            with self.block("if (part)"):
                for array, statement in arrays.items():
                    self.put("#pragma omp simd")
                    text = self._joined(statement, f"{self.whole(array)}[e]", f"{self.mine[array]}[e]")
                    self.put(f"for (int64_t e = 0; e < {self.elements(array)}; ++e) {text}")

    def _joined(self, statement: ir.Statement, total: str, value: str) -> str:
        assert statement.reduction is not None
        return combine_text(statement.reduction, statement.target.dtype, total, value)

    def _all_rows(self, nest: Nest, low: str, high: str) -> None:
        """The rows from `low` to `high`: in blocks, and one by one when there are too few for one."""
        v, rows = self.names.loops[nest], block_of(nest)
        count = int(high) if low == "0" and high.isdigit() else None
        over = count is None or count % rows
        self.laned = nest
        self.backward = backward(nest, self.nests)
        if over:
            self.put(f"int64_t {v} = {low};")
        if count is None or count >= rows:
            turns = f"; {v} + {rows} <= {high}" if over else f"int64_t {v} = {low}; {v} < {high}"
            with self.block(f"for ({turns}; {v} += {rows})"):
                for phase in phases(nest):
                    self.phase(nest, phase)
        self.backward = set()
        if over:
            self.put("/* the rows left over */")
            with self.block(f"for (; {v} < {high}; ++{v})"):
                for phase in phases(nest):
                    self.items(phase)
        self.laned = None

    def mirrored(self, statement: ir.Statement) -> None:
        """The rows at hand of a symmetric matrix times a vector, up to the diagonal; what is above is below too."""
        start = len(self.lines)
        matrix, factor = statement.expression.reads()
        (row,), (column,) = statement.free, statement.reduced
        v, j = (self.names.loops[self.nests.loops[index]] for index in (row, column))
        ctype, madd = C_TYPES[statement.target.dtype], self._madd(statement.target.dtype)
        own_places = tuple(ir.Place(row) if p.index else p for p in factor.places)
        here = ir.Read(factor.dtype, factor.array, own_places)
        diagonal = [ir.Place(row) if p.index is column else p for p in matrix.places]
        place = self.element(statement.target, [ir.Place(column) if p.index else p for p in statement.places])
        # the rows in turn are added to two sums: the next need not wait for what the last one adds
        names = [f"{statement.target.name}_{word}" for word in ("even", "odd")[: self.lanes]]
        sums: list[str] = []

        def down(also: Callable[[int, str], str]) -> None:
            """What the rows add to the results of one column, and with each element something else."""
            self.put(f"{ctype} {' = 0, '.join(reversed(names))} = {place};")
            for k in self.each_lane(self.lanes):
                element, name = self.element(matrix.array, matrix.places), names[k % 2]
                if across := also(k, element):
                    self.put(across)
                self.put(f"{name} = {madd}({element}, {sums[k]}_here, {name});")
            self.put(f"{place} = {' + '.join(names)};")

        for k in self.each_lane(self.lanes):
            sums.append(f"{statement.target.name}_r{k}")
            self.put(f"const {ctype} {sums[k]}_here = {self.read_text(statement, here)};")
        alone = f"{self.element(matrix.array, diagonal)} * {sums[0]}_here"
        self.put(f"{ctype} {', '.join(f'{own} = {0 if self.lanes > 1 else alone}' for own in sums)};")
        self.put(f"#pragma omp simd reduction(+:{', '.join(sums)})")
        with self.block(f"for (int64_t {j} = 0; {j} < {v}; ++{j})"):
            across = self.read_text(statement, factor)
            down(lambda k, element: f"{sums[k]} = {madd}({element}, {across}, {sums[k]});")
        if self.lanes > 1:
            self.put("/* the block on the diagonal, of which each row holds the whole */")
            self.put("#pragma omp simd")
            with self.block(f"for (int64_t {j} = {v}; {j} < {v} + {self.lanes}; ++{j})"):
                down(lambda k, element: "")
        for k in self.each_lane(self.lanes):
            self.put(f"{self.target_text(statement)} += {sums[k]};")
        self.pieces.append((start, len(self.lines) - 1, statement.nodes, ""))

    def _block_buffers(self, nest: Nest, team: str) -> None:
        rows = str(block_of(nest))
        for array, home in self.storage.homes.items():
            if home.blocked is not nest or not home.memory:
                continue
            ctype, others = C_TYPES[array.dtype], [k for k in home.axes if k != home.blocked_axis]
            if not others:
                self.put(f"ALIGNED {ctype} {array.name}_block[{rows}];")
                continue
            size = " * ".join([rows, *(self.names.length(array.dims[k]) for k in others)])
            whole = f"threads * {size}" if team else size
            self.memory.append((f"{array.name}_blocks", ctype, whole, [array.dims[k] for k in others]))
            offset = f" + THREAD * ({size})" if team else ""
            self.put(f"{ctype} *const {array.name}_block = {array.name}_blocks{offset};")

    def phase(self, nest: Nest, phase: list[Item]) -> None:
        """One piece of a blocked loop's body, for all rows of a block."""
        if isinstance(phase[0], Nest) and in_lanes(nest, phase[0], self.nests):
            self.lanes = block_of(nest)  # every statement once for every row, inside the inner loop
            self.items(phase)
            self.lanes = 1
            return
        inner, count = phase[0], str(block_of(nest))
        length = math.inf
        if isinstance(inner, Nest) and self._may_go_abreast(nest, inner):
            if inner.dim.constant is None:
                with self.block(f"if ({self.names.length(inner.dim)} < {ABREAST})"):
                    self._abreast(inner, count)
                with self.block("else"):
                    self.rows(phase, count)
                return
            length = inner.dim.constant
        if length < ABREAST:
            assert isinstance(inner, Nest)
            self._abreast(inner, count)
        else:
            self.rows(phase, count)

    def _may_go_abreast(self, nest: Nest, inner: Nest) -> bool:
        """Whether a loop inside may take the rows of a block in vectors, one element of each, instead of one row after another.

        Where functions are called: they are worth it that elements come from eight rows.
        """
        statements = [item for item in inner.body if isinstance(item, ir.Statement)]
        return (
            len(statements) == len(inner.body)
            and any(map(calls, statements))
            and len(set(map(width, statements))) == 1
            and all(self._keeps_to_its_row(statement, nest, inner) for statement in statements)
        )

    def _keeps_to_its_row(self, statement: ir.Statement, nest: Nest, inner: Nest) -> bool:
        """Whether what a statement writes belongs to one row of a block, in memory if it is combined over an inner loop."""
        home = self.storage.homes[statement.target]
        rows = {self.nests.of(place.index) for place in statement.places if place.plain}
        combined = not statement.reduced or (
            [self.nests.of(index) for index in statement.reduced] == [inner]
            and home.memory
            and statement.reduction not in (ir.Reduction.ARGMAX, ir.Reduction.SYMMETRIC)
        )
        return nest in rows and not statement.scattered and combined

    def _abreast(self, inner: Nest, count: str) -> None:
        """A loop inside, with the rows of a block side by side in vectors; what is combined over it, in the block's memory."""
        v, n = self.names.loops[inner], self.names.length(inner.dim)
        combined = [s for s in inner.members if s.reduced]
        self.row, self.abreast = "row", True
        if combined:
            self.put("#pragma omp simd")
            with self.block(f"for (int row = 0; row < {count}; ++row)"):
                for statement in combined:
                    assert statement.reduction is not None
                    first = first_text(statement.reduction, statement.expression.dtype)
                    self.put(f"{self.target_text(statement)} = {first};")
        with self.block(f"for (int64_t {v} = 0; {v} < {n}; ++{v})"):
            self.put("#pragma omp simd")
            with self.block(f"for (int row = 0; row < {count}; ++row)"):
                for item in inner.body:
                    assert isinstance(item, ir.Statement)
                    self.leaf(item)
        self.row, self.abreast = "0", False

    def rows(self, phase: list[Item], count: str) -> None:
        """One piece of a blocked loop's body as a loop over the rows of a block."""
        self.row = "row"
        if isinstance(phase[0], ir.Statement):
            self.pragma(self.laned, phase)
        with self.block(f"for (int row = 0; row < {count}; ++row)"):
            self.items(phase)
        self.row = "0"

    def _panels(self, nest: Nest, low: str, high: str) -> None:
        """A loop without loops inside, in blocks of rows, one phase after the other."""
        v, size = self.names.loops[nest], block_of(nest)
        self.laned = nest
        with self.block(f"for (int64_t {v} = {low}; {v} < {high}; {v} += {size})"):
            self.put(f"const int rows = {high} - {v} < {size} ? (int)({high} - {v}) : {size};")
            self._block_buffers(nest, "")
            for phase in phases(nest):
                self.rows(phase, "rows")
        self.laned = None

    def whole(self, array: ir.Array) -> str:
        """The pointer to an array's memory."""
        return memory_name(array, self.storage.homes.get(array))

    def elements(self, array: ir.Array) -> str:
        """How many elements an array's memory has."""
        axes = _axes(array, self.storage.homes.get(array))
        lengths = [self.names.length(array.dims[k]) for k in axes if not array.dims[k].is_one]
        return " * ".join(lengths) or "1"


def _turns(statement: ir.Statement) -> tuple[int, int]:
    """The most work is taken to be that of the most loops, and of lengths that are not known."""
    indices = statement.indices()
    return len(indices), sum(index.dim.find().constant is None for index in indices)


def _axes(array: ir.Array, home: Home | None) -> list[int]:
    """The axes that an array's memory has."""
    return [k for k, dim in enumerate(array.dims) if not dim.is_one] if home is None else home.axes


def memory_name(array: ir.Array, home: Home | None) -> str:
    """The pointer to an array's memory."""
    if array.kind == "output":
        return f"{array.name}_out"
    if home is not None and home.blocked is not None:
        return f"{array.name}_block"
    return array.name if home is None or not home.local else f"{array.name}_memory"
