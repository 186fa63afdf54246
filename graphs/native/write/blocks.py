"""Outermost loops: shared among threads, in blocks of rows, with a comment that says what they compute."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.native.schedule.fusion import Item, Nest, statements_in
from graphs.native.schedule.storage import block_of, has_loops, is_blocked, nest_of, phases
from graphs.native.statements import Array, Place, Read, Statement
from graphs.native.values import is_one
from graphs.native.write.expressions import C_TYPES, combine
from graphs.native.write.loops import LoopWriter, elements, memory_name
from graphs.native.write.rendering import render

__all__ = ["NestWriter"]

TEAM = 64  # most threads
SIMPLE = frozenset(("+", "dot", "symmetric", "*", "and", "or", "xor", "max", "min"))


class NestWriter(LoopWriter):
    """Writes all loops of one function."""

    def outermost(self, items: Sequence[Item]) -> None:
        """All loops of the function."""
        for item in items:
            start = len(self.lines)
            self.comment(item)
            if isinstance(item, Nest) and is_blocked(item):
                (self.blocked if has_loops(item) else self.panels)(item)
            else:
                self.items([item])
            nodes = sorted({n for s in statements_in(item) for n in s.nodes})
            self.spans.append((start, len(self.lines) - 1, nodes))
            self.put()

    def comment(self, item: Item) -> None:
        """What a loop computes, in formulas."""
        lines = [self.formula(statement) for statement in statements_in(item)]
        for k, statement in enumerate(statements_in(item), len(self.lines)):
            self.pieces.append((k, k, statement.nodes))
        self.put("/* " + lines[0] + (" */" if len(lines) == 1 else ""))
        for k, line in enumerate(lines[1:], 2):
            self.put("   " + line + (" */" if k == len(lines) else ""))

    def formula(self, statement: Statement) -> str:
        """A statement in words: ``z[i] = sum over j of x[i, j] * w[j]   (nodes 3, 4)``."""

        def access(array: Array, places: Sequence[Place]) -> str:
            inside = ", ".join(
                self.place_text(p) for p, d in zip(places, array.dims, strict=True) if not is_one(d)
            )
            return f"{array.name}[{inside}]" if inside else array.name

        text = render(statement.expression, lambda r: access(r.array, r.places), self.index_text, set())[0]
        over = ", ".join(self.index_text(i) for i in statement.reduced)
        word = {
            "+": "sum",
            "dot": "sum",
            "symmetric": "sum",
            "*": "product",
            "max": "largest",
            "min": "smallest",
            "argmax": "place of largest",
        }
        if over:
            text = f"{word.get(statement.combine, statement.combine)} over {over} of {text}"
        sign = "+=" if statement.combine == "add" else "="
        if statement.combine == "symmetric":
            text += ", whose two halves mirror each other"
        nodes = ", ".join(map(str, statement.nodes))
        return f"{access(statement.target, statement.places)} {sign} {text}" + (
            f"   [{nodes}]" if nodes else ""
        )

    def blocked(self, nest: Nest) -> None:
        """An outermost loop: threads take shares of it, in blocks of rows, several rows at a time."""
        v, n, rows = nest.variable, nest.dim.token, block_of(nest)
        shared = [s for s in nest.members if self.combines(s, nest)]
        share = "share_triangle" if nest.members[0].combine == "symmetric" else "share"
        teams = not any(s.combine not in SIMPLE for s in shared)
        work = max((" * ".join(i.dim.find().token for i in s.indices()) for s in nest.members), key=len)
        self.teams += 1
        team = "team" if self.teams == 1 else f"team_{self.teams}"
        if teams:
            self.put(f"const int {team} = team_size({work}, threads);")
            for statement in shared:
                self._declare_part(statement, team)
            self.put(f"#pragma omp parallel num_threads({team}) if ({team} > 1)")
        with self.block(""):
            low, high = "0", n
            if teams:
                self.put("const int me = THREAD;")
                self.put(
                    f"const int64_t {v}_first = {share}({n}, me, {team}), {v}_last = {share}({n}, me + 1, {team});"
                )
                low, high = f"{v}_first", f"{v}_last"
            for statement in shared if teams else []:
                if not self.storage.scalar(statement):
                    part = f"{statement.target.name}_mine"
                    size = elements(statement.target, self.storage.homes[statement.target])
                    self.put(
                        f"{C_TYPES[statement.target.dtype]} *const {part} = {statement.target.name}_part + me * ({size});"
                    )
                    self.parts[statement.target] = part
            self._block_buffers(nest, team if teams else "")
            saved = {s: self.storage.homes[s.target].memory for s in shared}
            for statement in shared:
                if teams and self.storage.scalar(statement):
                    self.storage.homes[statement.target].memory = False
            self.begin(nest)
            self.laned = nest
            self.put(f"int64_t {v} = {low};")
            with self.block(f"for (; {v} + {rows} <= {high}; {v} += {rows})"):
                for phase in phases(nest):
                    self.phase(nest, phase)
            self.put("/* the rows left over */")
            with self.block(f"for (; {v} < {high}; ++{v})"):
                for phase in phases(nest):
                    if share == "share":
                        self.items(phase)
                    else:
                        self.mirrored(nest.members[0])
            self.laned = None
            for statement, memory in saved.items():
                self.storage.homes[statement.target].memory = memory
            for statement in shared if teams else []:
                self.parts.pop(statement.target, None)
                if self.storage.scalar(statement):
                    self.put(f"{statement.target.name}_part[me] = {statement.target.name};")
            if not teams:
                self.end(nest)
        if teams:
            for statement in shared:
                self._combine_parts(statement, team)

    @staticmethod
    def combines(statement: Statement, nest: Nest) -> bool:
        """Whether every turn of a loop adds to the same results."""
        return statement.combine == "symmetric" or any(nest_of(i) is nest for i in statement.reduced)

    def mirrored(self, statement: Statement) -> None:
        """The rows at hand of a symmetric matrix times a vector, up to the diagonal; what is above is below too."""
        start = len(self.lines)
        matrix, factor = statement.expression.reads()
        (row,), (column,) = statement.free, statement.reduced
        nest, inner = nest_of(row), nest_of(column)
        assert nest is not None
        assert inner is not None
        ctype, v, j = C_TYPES[statement.target.dtype], nest.variable, inner.variable
        helper = "madd" if ctype == "double" else "maddf"
        self.helpers.add(helper)
        here = Read(factor.dtype, factor.array, tuple(Place(row) if p.index else p for p in factor.places))
        there = tuple(Place(column) if place.index else place for place in statement.places)
        lanes, name, sums = range(self.lanes), statement.target.name, []
        for self.lane in lanes:
            own = self.local_name(statement.target)
            sums.append(own)
            self.put(f"{ctype} {own} = 0;")
            self.put(f"const {ctype} {own}_here = {self.read_text(statement, here)};")
        self.put(f"#pragma omp simd reduction(+:{', '.join(sums)})")
        with self.block(f"for (int64_t {j} = 0; {j} < {v}; ++{j})"):
            self.put(f"{ctype} {name}_sum = {self.element(statement.target, there)};")
            across = self.read_text(statement, factor)
            for self.lane in lanes:
                own, element = self.local_name(statement.target), self.element(matrix.array, matrix.places)
                self.put(f"{own} = {helper}({element}, {across}, {own});")
                self.put(f"{name}_sum = {helper}({element}, {own}_here, {name}_sum);")
            self.put(f"{self.element(statement.target, there)} = {name}_sum;")
        self.lane = 0
        self.put("/* on the diagonal, where a row is a column too */")
        self.put("#pragma omp simd")
        with self.block(f"for (int64_t {j} = {v}; {j} < {v} + {self.lanes}; ++{j})"):
            self.put(f"{ctype} {name}_sum = {self.element(statement.target, there)};")
            for self.lane in lanes:
                own, element = self.local_name(statement.target), self.element(matrix.array, matrix.places)
                self.put(f"{name}_sum = {helper}({element}, {own}_here, {name}_sum);")
            self.put(f"{self.element(statement.target, there)} = {name}_sum;")
        for self.lane in lanes:
            own = self.local_name(statement.target)
            self.put(f"{self.element(statement.target, statement.places)} += {own};")
        self.lane = 0
        self.pieces.append((start, len(self.lines) - 1, statement.nodes))

    def _declare_part(self, statement: Statement, team: str) -> None:
        array, ctype = statement.target, C_TYPES[statement.target.dtype]
        if self.storage.scalar(statement):
            self.put(f"{ctype} {array.name}_part[{TEAM}];")
        else:
            size = elements(array, self.storage.homes[array])
            self.memory.append((f"{array.name}_part", ctype, f"threads * ({size})"))

    def _combine_parts(self, statement: Statement, team: str) -> None:
        """The threads' results put together, always in the same order."""
        array, home = statement.target, self.storage.homes[statement.target]
        ctype = C_TYPES[array.dtype]
        if self.storage.scalar(statement):
            total = array.name
            self.put(f"{ctype} {total} = {array.name}_part[0];")
            text = combine(statement.combine, array.dtype)[1].format(acc=total, value=f"{array.name}_part[t]")
            self.put(f"for (int t = 1; t < {team}; ++t) {text}")
            if home.memory:
                self.put(f"{self.element(array, statement.places)} = {total};")
            return
        size = elements(array, home)
        name = memory_name(array, home)
        self.put("#pragma omp simd")
        with self.block(f"for (int64_t e = 0; e < {size}; ++e)"):
            self.put(f"{ctype} total = {array.name}_part[e];")
            value = f"{array.name}_part[t * ({size}) + e]"
            text = combine(statement.combine, array.dtype)[1].format(acc="total", value=value)
            self.put(f"for (int t = 1; t < {team}; ++t) {text}")
            self.put(f"{name}[e] = total;")

    def _block_buffers(self, nest: Nest, team: str) -> None:
        for array, home in self.storage.homes.items():
            if home.blocked is nest and home.memory:
                others = [array.dims[k].find().token for k in home.axes if k != home.blocked_axis]
                ctype = C_TYPES[array.dtype]
                if not others:
                    self.put(f"ALIGNED {ctype} {array.name}_block[{block_of(nest)}];")
                    continue
                size = " * ".join([str(block_of(nest)), *others])
                self.memory.append((f"{array.name}_blocks", ctype, f"threads * {size}" if team else size))
                offset = f" + me * ({size})" if team else ""
                self.put(f"{ctype} *const {array.name}_block = {array.name}_blocks{offset};")

    def phase(self, nest: Nest, phase: list[Item]) -> None:
        """One piece of a blocked loop's body, for all rows of a block."""
        statement = next(statements_in(phase[0]))
        if statement.combine == "symmetric":
            self.lanes = block_of(nest)
            self.mirrored(statement)
            self.lanes = 1
            return
        sums = [s for item in phase for s in statements_in(item) if s.reduced]
        if isinstance(phase[0], Nest) and any(s.combine in ("+", "dot") for s in sums):
            self.lanes = block_of(nest)  # every statement once for every row, inside the inner loop
            self.items(phase)
            self.lanes = 1
            return
        self.rows(phase, str(block_of(nest)))

    def rows(self, phase: list[Item], count: str) -> None:
        """One piece of a blocked loop's body as a loop over the rows of a block."""
        self.row = "row"
        if isinstance(phase[0], Statement):
            self.pragma(None, phase)
        with self.block(f"for (int row = 0; row < {count}; ++row)"):
            self.items(phase)
        self.row = "0"

    def panels(self, nest: Nest) -> None:
        """An outermost loop without loops inside, in blocks of rows, one phase after the other."""
        v, n, size = nest.variable, nest.dim.token, block_of(nest)
        self.begin(nest)
        self.laned = nest
        with self.block(f"for (int64_t {v} = 0; {v} < {n}; {v} += {size})"):
            self.put(f"const int rows = {n} - {v} < {size} ? (int)({n} - {v}) : {size};")
            self._block_buffers(nest, "")
            for phase in phases(nest):
                self.rows(phase, "rows")
        self.laned = None
        self.end(nest)
