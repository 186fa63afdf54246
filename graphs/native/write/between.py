"""All steps of the function as C: loops, and what stands between them: interludes, calls, recurrences.

Where something depends on what arrays hold, its length is not known before the loops that compute it. So memory is
taken in stages: stage 0 before any loop, one more after each interlude that finds out lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import graphs.native.statements as ir
from graphs.native.schedule.fusion import Part
from graphs.native.schedule.storage import Storage
from graphs.native.write.expressions import C_TYPES
from graphs.native.write.loops import LoopWriter, Memory, memory_name
from graphs.native.write.names import Names

__all__ = ["BodyWriter"]

SMALL = 64  # elements of what may be a variable of the function's


class BodyWriter(LoopWriter):
    """Writes everything after the function's first lines.

    `extra`: the memory that the loops were found to need beside the arrays', by a writer that wrote them before.
    """

    def __init__(
        self, computation: ir.Computation, names: Names, storage: Storage, extra: Sequence[Memory] = ()
    ) -> None:
        super().__init__(names, storage)
        self.computation, self.extra = computation, extra
        self.stages: dict[ir.Interlude, int] = {}
        self._born: dict[ir.Dim, int] = {}  # from which stage on a length is known
        self._number(storage.nests.items)
        # whether the function may end before its last line: then there is one place where it ends
        self.early = bool(computation.checks) or any(
            isinstance(part, ir.Interlude | ir.Call | ir.Recurrence) for part in storage.nests.items
        )

    def _number(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if isinstance(part, ir.Interlude):
                self.stages[part] = len(self.stages) + 1
                found = (entry for entry in part.entries if isinstance(entry, ir.Dim))
                self._born |= dict.fromkeys(found, self.stages[part])
            elif isinstance(part, ir.Recurrence):
                self._number(self.nests.bodies[part])

    def stage(self, dims: Sequence[ir.Dim]) -> int:
        """From which stage on all of these lengths are known."""
        return max((self._born.get(dim.find(), 0) for dim in dims), default=0)

    def stage_of(self, array: ir.Array) -> int:
        """From which stage on an array has its memory."""
        return self.stage(array.root.dims)

    # ---- numbers, lengths, checks

    def entry(self, entry: ir.Dim | ir.Let | ir.Check, leave: str) -> tuple[str, int | None]:
        """A line of C, and which Apply node it computes; `leave` ends the function with a number put into it."""
        if isinstance(entry, ir.Let):
            ctype = C_TYPES[entry.name.dtype]
            return f"const {ctype} {entry.name.name} = {self.number(entry.value).within(8)};", entry.node
        if not isinstance(entry, ir.Dim):
            return f"if ({self.number(entry.condition).text}) {leave.format(entry.error)}", None
        if entry.find() is entry:
            return f"const int64_t {self.names.length(entry)} = {self.number(entry.source).text};", None
        differs = f"{self.number(entry.source).within(5)} != {self.names.length(entry)}"
        return f"if ({differs}) {leave.format(entry.merge_error)}", None

    LEAVE = "{{ code = {}; goto done; }}"

    # ---- memory and outputs

    def memories(self) -> Iterator[Memory]:
        """All memory that is neither input, output nor a variable."""
        yield from self.extra
        for array, home in self.storage.homes.items():
            own = array.kind == "scratch" and array.memory_of is None
            if own and home.memory and home.blocked is None:
                yield memory_name(array, home), C_TYPES[array.dtype], self.elements(array), array.dims

    def take_memory(self, stage: int) -> list[str]:
        """Lines that take the memory of a stage, one piece for all."""
        here = [each for each in self.memories() if self.stage(each[3]) == stage]
        pieces = [each for each in here if not _is_small(each)]
        lines = [f"ALIGNED {ctype} {name}[{size}];" for name, ctype, size, _ in filter(_is_small, here)]
        if pieces:
            name, need = (f"{word}_{stage}" if stage else word for word in ("memory", "need"))
            lines.append(f"size_t {need} = 0;")
            for piece, ctype, size, _ in pieces:
                step = f"((size_t)({size}) * sizeof({ctype}) + 127) & ~(size_t)63"
                lines.append(f"const size_t {piece}_at = {need}; {need} += {step};")
            if stage:
                lines.append(f"free({name});")
                lines.append(f"{name} = aligned_alloc(64, {need});")
                lines.append(f"if (!{name}) {self.LEAVE.format('NO_MEMORY')}")
            else:
                lines.append(f"char *const {name} = aligned_alloc(64, {need});")
                lines.append(f"if (!{name}) return NO_MEMORY;")
            lines += [
                f"{ctype} *const {piece} = ({ctype} *)({name} + {piece}_at);" for piece, ctype, *_ in pieces
            ]
        for array in sorted(self.storage.aliases, key=lambda a: a.name):
            if array.root.kind != "given" and self.stage_of(array) == stage:
                lines.append(self._alias(array))
        return lines

    def _alias(self, array: ir.Array) -> str:
        root, ctype = array.root, C_TYPES[array.dtype]
        const = "const " if root.kind == "given" else ""
        return f"{const}{ctype} *const {array.name} = {memory_name(root, self.storage.homes.get(root))};"

    def memory_names(self) -> list[str]:
        """The variables that hold each stage's memory."""
        stages = sorted({self.stage(piece[3]) for piece in self.memories() if not _is_small(piece)})
        return [f"memory_{stage}" if stage else "memory" for stage in stages]

    def want_outputs(self, stage: int) -> list[str]:
        """What the shapes of a stage's outputs must be; if they are not, the caller makes new ones and calls again."""
        lines, offset = [], 0
        leave = self.LEAVE.format("OTHER_SHAPE") if stage else "return OTHER_SHAPE;"
        for k, array in enumerate(self.computation.outputs):
            if array is None:
                continue
            rank = len(array.dims)
            if self.stage(array.dims) == stage:
                for axis, dim in enumerate(array.dims, offset):
                    lines.append(f"want[{axis}] = {self.names.length(dim)};")
                lines.append(f"if (!fits(out[{k}], want + {offset}, {rank})) {leave}")
                ctype = C_TYPES[array.dtype]
                lines.append(f"{ctype} *const {array.name}_out = ({ctype} *)out[{k}]->data;")
            offset += rank
        # all that is wanted is written down before one of them is missed
        return sorted(lines, key=lambda line: not line.startswith("want["))

    # ---- the steps

    def parts(self, parts: Sequence[Part]) -> None:
        """Loops and what stands between them, in order."""
        for part in parts:
            if isinstance(part, ir.Interlude):
                self.interlude(part)
            elif isinstance(part, ir.Call):
                self.call(part)
            elif isinstance(part, ir.Recurrence):
                self.recurrence(part)
            else:
                self.outermost(part)

    def interlude(self, part: ir.Interlude) -> None:
        """Numbers, lengths and checks, then the memory and the outputs that have such lengths."""
        for entry in part.entries:
            line, node = self.entry(entry, self.LEAVE)
            if node is not None:
                self.pieces.append((len(self.lines), len(self.lines), [node], ""))
            self.put(line)
        stage = self.stages[part]
        for line in (*self.want_outputs(stage), *self.take_memory(stage)):
            self.put(line)
        self.put()

    def call(self, call: ir.Call) -> None:
        """A function called on whole arrays."""
        start = len(self.lines)
        letters: list[str] = []
        for dim in call.along:  # i, and i_2 for another index over the same lengths
            letter = self.names.letters[dim.find()]
            again = sum(other.partition("_")[0] == letter for other in letters)
            letters.append(f"{letter}_{again + 1}" if again else letter)
        self.remark(call.formula.format(*letters) if letters else call.formula, call.nodes)
        first = len(self.lines)
        if call.function == "perform":
            self._perform(call)
        else:
            self.called.add(call.function)
            text = f"{call.function}({', '.join(map(self.argument, call.arguments))});"
            if call.result:
                text = f"const {C_TYPES[call.result.dtype]} {call.result.name} = {text}"
            self.put(text)
        self.pieces.append((first, len(self.lines) - 1, call.nodes, ""))
        self.spans.append((start, len(self.lines) - 1, call.nodes))
        self.put()

    def argument(self, argument: ir.Argument) -> str:
        """What C is handed: memory, the address of an element, a number; several of them as a C array."""
        if isinstance(argument, tuple):
            listed = ", ".join(map(self.argument, argument))
            kind = C_TYPES[argument[0].dtype] if argument else "int64_t"
            pointer = " *const" if argument and isinstance(argument[0], ir.Array) else ""
            return f"({kind}{pointer}[]){{{listed or 0}}}"
        if isinstance(argument, str):
            return argument
        if isinstance(argument, ir.Array):
            return argument.name if argument.memory_of or argument.kind == "input" else self.whole(argument)
        if isinstance(argument, ir.Read):
            if all(place.index is None and place.start == ir.ZERO for place in argument.places):
                return self.argument(argument.array)
            return f"&{self.element(argument.array, argument.places)}"
        return self.number(argument).text

    def _perform(self, call: ir.Call) -> None:
        """Have Python compute an Apply node: it is told where the inputs are, and tells where the outputs are."""
        node, *arguments = call.arguments
        words: list[str] = []
        for argument in arguments:
            if isinstance(argument, str):
                words.append(f"(int64_t){argument}")
                continue
            assert isinstance(argument, ir.Array)
            words.append(f"(int64_t){self.argument(argument)}")
            words += [self.names.length(dim) for dim in argument.dims]
        size = sum(1 + len(array.dims) for array in call.writes)
        told = f"told_{node}"
        self.put(f"int64_t {told}[{size + 1}];")
        listed = ", ".join(words) or "0"
        self.put(f"if (perform({node}, (int64_t[]){{{listed}}}, {told})) {self.LEAVE.format('FAILED')}")
        offset = 0
        for array in call.writes:
            ctype = C_TYPES[array.dtype]
            self.put(f"const {ctype} *const {array.name} = (const {ctype} *){told}[{offset}];")
            if array.dims:
                self.put(f"const int64_t *const {array.name}_shape = {told} + {offset + 1};")
            offset += 1 + len(array.dims)
            for alias in sorted(self.storage.aliases, key=lambda a: a.name):
                if alias.root is array:
                    self.put(self._alias(alias))

    def recurrence(self, part: ir.Recurrence) -> None:
        """Turns that follow one another."""
        start = len(self.lines)
        self.remark(part.formula, part.nodes)
        spans = len(self.spans)
        turn = part.turn.name
        if part.done:
            self.put(f"int64_t {part.done.name} = 0;")
        with self.block(f"for (int64_t {turn} = 0; {turn} < {self.number(part.count).within(6)}; ++{turn})"):
            outside, self.in_turns = self.in_turns, True
            self.parts(self.nests.bodies[part])
            self.in_turns = outside
            while not self.lines[-1]:
                self.lines.pop()
            if part.until and part.done:
                self.put(f"{part.done.name} = {turn} + 1;")
                self.put(f"if ({self.number(part.until).text}) break;")
        nodes = sorted({*part.nodes, *(node for *_, inner in self.spans[spans:] for node in inner)})
        self.spans[spans:] = [(start, len(self.lines) - 1, nodes)]
        self.put()


def _is_small(piece: Memory) -> bool:
    """Whether memory is so little, and of a length known here, that it is the function's own variable.

    A compiler keeps such a one in registers: what a running sum has come to, say, is not stored and loaded at
    every turn.
    """
    lengths = piece[2].split(" * ")
    return all(map(str.isdigit, lengths)) and 0 < math.prod(map(int, lengths)) <= SMALL
