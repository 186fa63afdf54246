"""Which test of a rewrite sent a node away, with what stood there.

A rewriter answers a node it does not want with False or None and no reason. Two kinds of rewriters tell more when they
are watched. A pattern can be compared with the graph part by part: the first part that differs is the reason. A
rewrite written as a function is traced line by line while it looks at the node: the last test that it made before it
gave up (of a loop, in the round that came furthest) is quoted, and its parts are computed again with the names that the
frame held then. What is said of a test is said only where computing it again gives the outcome that was seen; else the
test stands there as it is written.

It is apart from `graphs.inspection.why`, which says where and when a rewrite was tried: here is one node and one call.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
import itertools
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import FromFunctionNodeRewriter, PatternNodeRewriter
from pytensor.graph.traversal import vars_between
from pytensor.graph.type import Type

from graphs.foreign import one_line, plain
from graphs.inspection.compiling.tables import printed
from graphs.lines import short_path

__all__ = ["Live", "Part", "Refusal", "offered", "pattern_text", "printed_op", "watched_call"]

LONGEST = 160  # characters of a value or a line of code that are quoted
MOST_ORDERS = 24  # orders of a commutative node's inputs that are tried
SAME = (ast.Eq, ast.In, ast.Is)
MOST_PIECES = 3  # parts of one test that are told
MATCHED, ALONE = (
    10_000,
    20_000,
)  # above what any pattern's parts add up to: all fits; all fits and nobody else reads it


@dataclass(frozen=True)
class Live:
    """Something of PyTensor's within a sentence; what it is called there is settled when all nodes have numbers."""

    thing: Any  # an Apply node or a Variable
    said: str  # what it is called where it has no number: how PyTensor printed it at that moment


Part = str | Live


@dataclass(frozen=True)
class Refusal:
    """Why one call of a rewriter gave nothing."""

    reach: int  # how far it got; attempts of one rewriter can be compared by it
    told: tuple[Part, ...]  # the test that failed, in words; empty where it is not known
    file: str = ""  # where that test stands
    line: int = 0
    source: str = ""  # the test as it is written
    asked: bool = True  # False where the node is of no Op that the rewrite looks at, so that it was not asked


def live(thing: Any) -> Live:
    """`thing` as it stands now."""
    return Live(thing, plain(printed(thing), LONGEST))


def watched_call(
    rewriter: Any, call: Callable[[], Any], fgraph: Any, node: Apply, get_nodes: bool
) -> tuple[Any, Refusal | None]:
    """The result of `call`, which is that rewriter's ``transform`` of that node, and why it is none."""
    trace = _Trace(_own_code(rewriter))
    try:
        with trace:
            result = call()
    except Exception as problem:
        return problem, Refusal(0, (f"it failed with {one_line(problem)}",))
    if offered(result):
        return result, None
    if isinstance(rewriter, PatternNodeRewriter):
        return result, _by_pattern(rewriter, fgraph, node, trace, get_nodes)
    if trace.run is None and isinstance(rewriter, FromFunctionNodeRewriter) and trace.code is not None:
        return result, Refusal(-1, (), asked=False)  # a walker shows every node
    return result, _by_function(trace)


def offered(result: Any) -> bool:
    """Whether what a rewriter gives back is a replacement."""
    return not (result is None or result is False or (isinstance(result, list | tuple | dict) and not result))


# Patterns -----------------------------------------------------------------------------------------------------------


@dataclass
class _Fit:
    """How much of a pattern fits; where it stops."""

    parts: int
    told: tuple[Part, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.told


def _by_pattern(
    rewriter: PatternNodeRewriter, fgraph: Any, node: Apply, trace: _Trace, get_nodes: bool
) -> Refusal:
    if get_nodes and getattr(rewriter, "get_nodes", None) is not None:
        way = getattr(rewriter.get_nodes, "__name__", "get_nodes")
        told = f"from here it looks at the nodes that {plain(way)} gives, and none of them fits"
        return Refusal(-1, (told,))
    if len(node.outputs) != 1:
        return Refusal(0, ("patterns are for nodes with one output, and this one has several",))
    pattern = f"the pattern is {plain(pattern_text(rewriter.in_pattern), LONGEST)}; "
    fit = _fit(rewriter.in_pattern, node.outputs[0], {})
    if not fit.whole:
        return Refusal(fit.parts, (pattern, *fit.told))
    try:
        matched = _match(rewriter.in_pattern, node)
    except Exception:  # what matches patterns is not public and changes
        matched = None
    if matched is None:
        # Before 3.2 another package matches, and where `packaging` is missing it matches nothing.
        told = "all of it stands here, and yet PyTensor's own matching does not find it"
        return Refusal(fit.parts, (pattern, told))
    if not rewriter.allow_multiple_clients:
        inputs = {v for value in matched.values() for v in (value if isinstance(value, tuple) else (value,))}
        inputs = {v for v in inputs if isinstance(v, Variable)}
        for variable in vars_between(inputs, node.inputs):
            if variable not in inputs and (readers := len(fgraph.clients[variable])) > 1:
                told = f" is read in {readers} places, and a part that others read is not taken apart"
                return Refusal(MATCHED, (pattern, "all of it stands here, but ", live(variable), told))
    if callable(rewriter.out_pattern):
        found = _by_function(trace)
        if found.told:
            return Refusal(ALONE + found.reach, (pattern, *found.told), found.file, found.line, found.source)
        return Refusal(ALONE, (pattern, "all of it stands here, but what makes the result gave none"))
    told = f"all of it stands here, but the result has another Type than {node.outputs[0].type}"
    return Refusal(ALONE, (pattern, told))


def _match(pattern: Any, node: Apply) -> dict[Any, Any] | None:
    """What PyTensor's own matching finds, in either of its two ways."""
    if _head(pattern) is not None and hasattr(pattern, "op_match"):
        from pytensor.graph.rewriting.unify import match_pattern

        found: dict[Any, Any] | None = match_pattern(pattern, node)
        return found
    unify = importlib.import_module("unification").unify  # PyTensor < 3.2 needs it

    matched = unify(pattern, node.outputs[0], {})
    return None if matched is False else matched


def _head(pattern: Any) -> tuple[Any, tuple[Any, ...], tuple[int, ...], bool] | None:
    """Op, parts, the order in which they are looked at, whether any order of inputs will do; None for no node."""
    if hasattr(pattern, "op_match"):  # PyTensor ≥ 3.2
        count = len(pattern.inputs)
        order = (*pattern.match_order, *range(pattern.n_fixed, count))
        return pattern.op_match, tuple(pattern.inputs), order, bool(pattern.needs_commutative)
    if type(pattern).__name__ == "ExpressionTuple":  # PyTensor < 3.2
        parts = tuple(pattern[i] for i in range(len(pattern)))
        return parts[0], parts[1:], tuple(range(len(parts) - 1)), False
    return None


def _fit(pattern: Any, variable: Any, bound: dict[str, Any]) -> _Fit:
    """How much of `pattern` stands at `variable`; `bound` is what its names stand for so far."""
    head = _head(pattern)
    if head is not None:
        return _fit_node(head, variable, bound)
    token = getattr(pattern, "token", None)
    if token is not None:
        return _fit_name(pattern, str(token), variable, bound)
    if isinstance(pattern, Variable) and not isinstance(pattern, Constant):
        return (
            _Fit(1) if pattern is variable else _Fit(0, ("it wants another variable than ", live(variable)))
        )
    value = getattr(pattern, "data", pattern)
    if not isinstance(variable, Constant):
        made_by = "" if variable.owner is None else f"{printed_op(variable.owner.op)}: "
        told = f"it wants the constant {_value(value)}, and there stands {made_by}"
        return _Fit(0, (told, *_what(variable)))
    if not np.array_equiv(value, variable.data):
        found = (
            f"it wants the constant {_value(value)}, and there stands the constant {_value(variable.data)}"
        )
        return _Fit(0, (found,))
    return _Fit(1)


def _fit_name(pattern: Any, token: str, variable: Any, bound: dict[str, Any]) -> _Fit:
    if token in bound:
        known = bound[token]
        constants = isinstance(known, Constant) and isinstance(variable, Constant)
        if known is variable or (constants and np.array_equiv(known.data, variable.data)):
            return _Fit(1)
        return _Fit(0, ("it wants ", live(known), " in a second place, and there stands ", *_what(variable)))
    constraint = getattr(pattern, "constraint", None)
    if constraint is not None:
        try:
            fits = constraint(variable)
        except Exception as problem:
            fits, said = False, f" fails with {one_line(problem)}"
        else:
            said = " says no"
        if not fits:
            name = plain(getattr(constraint, "__name__", "its condition"), 60)
            condition = f"its condition {name} on {plain(token, 30)}{said}: there stands "
            return _Fit(0, (condition, *_what(variable)))
    bound[token] = variable
    return _Fit(1)


def _fit_node(
    head: tuple[Any, tuple[Any, ...], tuple[int, ...], bool], variable: Any, bound: dict[str, Any]
) -> _Fit:
    op, parts, order, commutative = head
    owner = getattr(variable, "owner", None)
    if owner is None:
        return _Fit(0, (f"it wants {printed_op(op)}, and there stands ", *_what(variable)))
    if not _is_op(op, owner.op):
        found = f"it wants {printed_op(op)}, and there stands {printed_op(owner.op)}: "
        return _Fit(0, (found, live(variable)))
    star = bool(parts) and type(parts[-1]).__name__ == "Asterisk"
    fixed = parts[: len(parts) - star]
    if len(owner.inputs) < len(fixed) or (len(owner.inputs) > len(fixed) and not star):
        wanted = f"{len(fixed)} operand{'s' * (len(fixed) != 1)}{' or more' if star else ''}"
        said = f"it wants {printed_op(op)} of {wanted}, and there stand {len(owner.inputs)}: "
        return _Fit(1, (said, live(variable)))
    looked = [i for i in order if i < len(fixed)]
    orders = itertools.permutations(range(len(owner.inputs)), len(fixed)) if commutative else ()
    best: _Fit | None = None
    for places in (tuple(range(len(fixed))), *itertools.islice(orders, MOST_ORDERS)):
        trial, fit = dict(bound), _Fit(1)
        for i in looked:
            inner = _fit(fixed[i], owner.inputs[places[i]], trial)
            fit = _Fit(fit.parts + inner.parts, inner.told)
            if not fit.whole:
                break
        if best is None or fit.parts > best.parts or fit.whole:
            best = fit
        if fit.whole:
            bound.update(trial)
            break
    assert best is not None  # the given order was tried
    return best


def _is_op(wanted: Any, op: Any) -> bool:
    if hasattr(wanted, "op_type"):  # an OpPattern
        return isinstance(op, wanted.op_type) and all(
            _is_parameter(value, getattr(op, name, None)) for name, value in wanted.parameters
        )
    return bool(wanted == op)


def _is_parameter(wanted: Any, value: Any) -> bool:
    if hasattr(wanted, "token"):
        return True
    return _is_op(wanted, value) if hasattr(wanted, "op_type") else bool(wanted == value)


def pattern_text(pattern: Any) -> str:
    """A pattern as a formula of Ops: ``Log1p(Neg(Sigmoid(x)))``."""
    head = _head(pattern)
    if head is not None:
        return f"{printed_op(head[0])}({', '.join(pattern_text(part) for part in head[1])})"
    token = getattr(pattern, "token", None)
    if token is not None:
        return f"*{token}" if type(pattern).__name__ == "Asterisk" else str(token)
    return _value(getattr(pattern, "data", pattern))


def printed_op(op: Any) -> str:
    """An Op, a class of Ops or a pattern of one, as it is called."""
    if hasattr(op, "op_type"):
        kinds = op.op_type if isinstance(op.op_type, tuple) else (op.op_type,)
        name = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
        shown = [
            f"{key}={printed_op(value) if isinstance(value, Op) or hasattr(value, 'op_type') else value}"
            for key, value in op.parameters
            if not hasattr(value, "token")
        ]
        return plain(f"{name}{{{', '.join(shown)}}}" if shown else name, LONGEST)
    if isinstance(op, type):
        return plain(op.__name__, LONGEST)
    return plain(printed(op), LONGEST)


# Functions ----------------------------------------------------------------------------------------------------------


@dataclass
class _Run:
    """One call of a function that was traced."""

    code: CodeType
    lines: list[int] = field(default_factory=list)
    raised: list[tuple[int, BaseException]] = field(default_factory=list)  # at which place in `lines`
    names: dict[str, Any] = field(default_factory=dict)  # the frame's names when it ended
    moments: dict[int, dict[str, Any]] = field(
        default_factory=dict
    )  # its names at tests, by place in `lines`
    inner: _Run | None = None  # the call whose result it gave back


class _Trace:
    """Notes which lines a rewriter's own function runs, and of helpers whose result it gives back as its own."""

    def __init__(self, code: CodeType | None) -> None:
        self.code = code
        self.run: _Run | None = None
        self._runs: dict[FrameType, _Run] = {}
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        if self.code is not None:
            sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        self._runs.clear()

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event != "call":
            return None
        if frame.f_code is self.code and self.run is None:
            self.run = run = _Run(frame.f_code)
        else:
            caller = frame.f_back
            above = self._runs.get(caller) if caller is not None else None
            if above is None or caller is None or not _gives_back(above.code, caller.f_lineno):
                return None
            above.inner = run = _Run(frame.f_code)
        self._runs[frame] = run
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        run = self._runs.get(frame)
        if run is None:
            return None
        if event == "line":
            if frame.f_lineno in _test_lines(run.code):
                run.moments[len(run.lines)] = dict(frame.f_locals)
            run.lines.append(frame.f_lineno)
        elif event == "exception":
            run.raised.append((len(run.lines), argument[1]))
        elif event == "return":
            run.names = {**frame.f_globals, **frame.f_locals}
        return self._line


def _own_code(rewriter: Any) -> CodeType | None:
    """The code in which a rewriter decides."""
    function: Any = type(rewriter).transform
    if isinstance(rewriter, FromFunctionNodeRewriter):
        function = rewriter.fn
    elif isinstance(rewriter, PatternNodeRewriter):
        function = rewriter.out_pattern if callable(rewriter.out_pattern) else None
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if callable(function) else None
    return getattr(getattr(function, "__func__", function), "__code__", None)


@dataclass(frozen=True)
class _Source:
    """A function's own statements: not those of functions within it."""

    tests: tuple[Any, ...]  # If, While and Assert, and matches
    handlers: tuple[ast.ExceptHandler, ...]
    tries: tuple[ast.Try, ...]
    returns: tuple[ast.Return, ...]
    assigned: tuple[ast.Assign, ...]
    loops: tuple[Any, ...]
    blocks: tuple[list[Any], ...]  # statements that stand one after the other


@functools.cache
def _source_of(code: CodeType) -> _Source | None:
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    ast.increment_lineno(tree, first - 1)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    if not functions:
        return None
    own = list(_own(functions[0]))
    return _Source(
        tuple(n for n in own if isinstance(n, ast.If | ast.While | ast.Assert | ast.Match)),
        tuple(n for n in own if isinstance(n, ast.ExceptHandler)),
        tuple(n for n in own if isinstance(n, ast.Try)),
        tuple(n for n in own if isinstance(n, ast.Return)),
        tuple(n for n in own if isinstance(n, ast.Assign)),
        tuple(n for n in own if isinstance(n, ast.For | ast.While)),
        tuple(
            block
            for n in (functions[0], *own)
            for name in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(n, name, None), list)
        ),
    )


@functools.cache
def _test_lines(code: CodeType) -> frozenset[int]:
    source = _source_of(code)
    return frozenset(n for test in source.tests for n in _lines_of(test)) if source else frozenset()


def _lines_of(test: Any) -> range:
    """The lines of a test, without what it guards."""
    end = test.subject if isinstance(test, ast.Match) else test.test
    return range(test.lineno, (end.end_lineno or test.lineno) + 1)


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own(child)


def _gives_back(code: CodeType, line: int) -> bool:
    """Whether that line returns what a call gives, as it is."""
    source = _source_of(code)
    found = [n for n in source.returns if n.lineno <= line <= (n.end_lineno or 0)] if source else []
    return any(isinstance(node.value, ast.Call) for node in found)


def _by_function(trace: _Trace) -> Refusal:
    run = trace.run
    if run is None:
        return Refusal(0, ())
    reach = len(set(run.lines))
    while run.inner is not None and run.lines and _gives_back(run.code, run.lines[-1]):
        run = run.inner
        reach += len(set(run.lines))
    source = _source_of(run.code)
    if source is None or not run.lines:
        return Refusal(reach, ())
    told, line, text = _decided(run, source)
    if not text:
        return Refusal(reach, told)
    return Refusal(reach, told, short_path(run.code.co_filename), line, plain(text, 2 * LONGEST))


def _decided(run: _Run, source: _Source) -> tuple[tuple[Part, ...], int, str]:
    """What decided, in words; the line it stands on, and as it is written."""
    last = run.lines[-1]
    for returned in source.returns:
        if _within(last, returned) and isinstance(returned.value, ast.BoolOp | ast.Compare | ast.UnaryOp):
            return _words(returned.value, False, run, source), returned.lineno, ast.unparse(returned)
    at, test = _last_test(run, source)
    caught = [h for h in source.handlers if _within(last, h)]
    if caught and run.raised and run.raised[-1][0] > at:
        place, problem = run.raised[-1]
        line = run.lines[place - 1]
        text = linecache.getline(run.code.co_filename, line).strip()
        said = f"{_short(text)} raised {one_line(problem)}"
        return (said, *_values_in(text, run)), line, text
    if test is None:
        return (), 0, ""
    words: tuple[Part, ...] = ()
    if isinstance(test, ast.Match):
        wanted = [f"`{_short(ast.unparse(case.pattern))}`" for case in test.cases]
        known = [case for case in wanted if case != "`_`"]
        stands = _values(test.subject, replace(run, names={**run.names, **run.moments.get(at, {})}), source)
        words = (*stands, f"{', and ' if stands else ''}it wants {' or '.join(known)}") if known else ()
    else:
        outcome = _outcome(run, test, at)
        if outcome is not None:
            words = _furthest(test, at, outcome, run, source)
            others = [] if outcome else _beside(test, at, run, source)
            if len(others) == 1:
                more = _words(others[0].test, False, run, source)
                same = _plainly(more) == _plainly(words)
                words = (*more, "; ", *words) if more and words and not same else words or more
            elif others:
                told = f"{' ' if words else ''}(the last of {len(others) + 1} tests side by side, all of which said no)"
                words = (*words, told)
    return words, test.lineno, _text(run, test)


def _beside(test: Any, last: int, run: _Run, source: _Source) -> list[Any]:
    """The tests before one, in ``if … elif …`` or one after the other, that said no and would have given something."""
    before: list[Any] = []
    here = test
    while True:
        block = next((block for block in source.blocks if any(one is here for one in block)), [])
        place = next((i for i, one in enumerate(block) if one is here), 0)
        before += [one for one in block[:place] if isinstance(one, ast.If)]
        above = next((one for one in source.tests if isinstance(one, ast.If) and one.orelse is block), None)
        if above is None or len(block) != 1:
            break
        before.append(above)
        here = above
    found = []
    for one in before:
        returned = [inner for part in one.body for inner in ast.walk(part) if isinstance(inner, ast.Return)]
        gives = any(not isinstance(inner.value, ast.Constant | None) for inner in returned)
        made = [i for i in range(last) if run.lines[i] in _lines_of(one)]
        if gives and made and _outcome(run, one, made[-1]) is False:
            found.append(one)
    return found


def _furthest(test: Any, last: int, outcome: bool, run: _Run, source: _Source) -> tuple[Part, ...]:
    """The words of a test; of the time that it came furthest, where it was made several times in a loop."""
    best: tuple[int, _Run] | None = None
    within = _lines_of(test)
    for at, names in run.moments.items():
        begins = run.lines[at] in within and (at == 0 or run.lines[at - 1] not in within)
        if not begins or at > last or _outcome(run, test, _end_of(run, within, at)) is not outcome:
            continue
        then = replace(run, names={**run.names, **names})
        passed = _passed(test.test, outcome, then.names)
        if best is None or passed >= best[0]:
            best = passed, then
    return _words(test.test, outcome, best[1] if best is not None else run, source)


def _end_of(run: _Run, within: range, at: int) -> int:
    """At which place a test that began at `at`, and may take several lines, was decided."""
    while at + 1 < len(run.lines) and run.lines[at + 1] in within:
        at += 1
    return at


def _passed(test: ast.expr, outcome: bool, names: dict[str, Any]) -> int:
    """How many parts of an ``and`` were true before the one that was not."""
    if not isinstance(test, ast.BoolOp) or not isinstance(test.op, ast.And) or outcome:
        return 0
    for passed, piece in enumerate(test.values):
        known, value = _compute(piece, names)
        if not known or not value:
            return passed
    return 0


def _within(line: int, node: Any) -> bool:
    return bool(node.lineno <= line <= (node.end_lineno or node.lineno))


def _last_test(run: _Run, source: _Source) -> tuple[int, Any]:
    """At which place among the lines the last test was made, and which; of a loop, in the round that came furthest."""
    at, test = _last_before(run, source, 0, len(run.lines))
    around = [loop for loop in source.loops if test is not None and _within(test.lineno, loop)]
    for loop in sorted(around, key=lambda loop: -loop.lineno)[:1]:
        heads = [i for i in range(at) if run.lines[i] == loop.lineno]
        rounds = list(zip(heads, [*heads[1:], at + 1], strict=True)) if heads else []
        if rounds:
            first, end = max(rounds, key=lambda pair: (len(set(run.lines[pair[0] : pair[1]])), pair[0]))
            found = _last_before(run, source, first + 1, end)
            if found[1] is not None:
                return found
    return at, test


def _last_before(run: _Run, source: _Source, first: int, end: int) -> tuple[int, Any]:
    for at in range(end - 1, first - 1, -1):
        found = [test for test in source.tests if run.lines[at] in _lines_of(test)]
        if found:
            return at, max(found, key=lambda test: test.lineno)
    return -1, None


def _outcome(run: _Run, test: Any, at: int) -> bool | None:
    """Which way a test went; None where that cannot be told."""
    if isinstance(test, ast.Assert):
        return None
    first, last = test.body[0].lineno, test.body[-1].end_lineno or test.body[-1].lineno
    if first <= (test.test.end_lineno or test.lineno):
        return None
    following = run.lines[at + 1] if at + 1 < len(run.lines) else 0
    return bool(first <= following <= last)


def _text(run: _Run, test: Any) -> str:
    """A test as it is written, on one line and without comments."""
    written = linecache.getline(run.code.co_filename, test.lineno).split()
    word = written[0] if written else "if"
    return f"{word} {ast.unparse(test.subject if isinstance(test, ast.Match) else test.test)}:"


def _words(test: ast.expr, outcome: bool, run: _Run, source: _Source) -> tuple[Part, ...]:
    """What made a test come out so: the parts of it that decided, each with what stood there.

    Empty where computing it again does not give the outcome that was seen.
    """
    known, value = _compute(test, run.names)
    if known and bool(value) is not outcome:
        return ()
    told: list[Part] = []
    pieces = _deciding(test, outcome, run.names)
    for piece, came_out in pieces[:MOST_PIECES]:
        words = _piece(piece, came_out, run, source)
        if words:
            told += ["; ", *words] if told else words
    return (*told, "; …") if len(pieces) > MOST_PIECES else tuple(told)


def _plainly(parts: Sequence[Part]) -> str:
    return "".join(part if isinstance(part, str) else part.said for part in parts)


def _deciding(test: ast.expr, outcome: bool, names: dict[str, Any]) -> list[tuple[ast.expr, bool]]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _deciding(test.operand, not outcome, names)
    if isinstance(test, ast.BoolOp):
        # The one that ends the chain: the first false one of ``and``, the first true one of ``or``.
        ends = isinstance(test.op, ast.Or)
        if outcome is ends:
            for piece in test.values:
                known, value = _compute(piece, names)
                if not known:
                    return [(test, outcome)]
                if bool(value) is ends:
                    return _deciding(piece, outcome, names)
        return [pair for piece in test.values for pair in _deciding(piece, outcome, names)]
    return [(test, outcome)]


def _piece(piece: ast.expr, outcome: bool, run: _Run, source: _Source) -> list[Part]:
    """One part of a test in words, for the kinds that are known; for the others what its names stand for."""
    names = run.names
    if isinstance(piece, ast.Call) and isinstance(piece.func, ast.Name) and piece.func.id == "isinstance":
        thing, kinds = (_compute(argument, names) for argument in piece.args[:2])
        if thing[0] and kinds[0]:
            wanted = _kinds(kinds[1])
            stands: list[Part] = ["`", _short(ast.unparse(piece.args[0])), "` is ", *_what(thing[1])]
            return [*stands, f", and that is {'a' if outcome else 'no'} {wanted}"]
    if (
        isinstance(piece, ast.Attribute)
        and piece.attr == "owner"
        and not outcome
        and (told := _owner(piece, names))
    ):
        return told
    if isinstance(piece, ast.Compare) and len(piece.ops) == 1:
        return _comparison(piece, outcome, run, source)
    return _values(piece, run, source)


def _owner(piece: ast.Attribute, names: dict[str, Any]) -> list[Part]:
    known, variable = _compute(piece.value, names)
    if not known or not isinstance(variable, Variable):
        return []
    kind = "a constant" if isinstance(variable, Constant) else "an input"
    kind = "a shared variable" if isinstance(variable, SharedVariable) else kind
    return [live(variable), f" is {kind}, and no node computes it"]


def _comparison(piece: ast.Compare, outcome: bool, run: _Run, source: _Source) -> list[Part]:
    names, right = run.names, piece.comparators[0]
    (one, first), (two, second) = _compute(piece.left, names), _compute(right, names)
    sign = piece.ops[0]
    for side, other in ((piece.left, right), (right, piece.left)):
        clients = _clients(side, names)
        if clients is not None:
            variable, number = clients
            readers = f" is read in {number} place{'s' * (number != 1)}"
            return [live(variable), readers, f" (compared with {_short(ast.unparse(other))})"]
    if isinstance(piece.left, ast.Attribute) and piece.left.attr == "owner" and second is None and two:
        no_owner = outcome if isinstance(sign, ast.Is | ast.Eq) else not outcome
        if no_owner and (told := _owner(piece.left, names)):
            return told
    differs = isinstance(sign, ast.NotEq | ast.NotIn | ast.IsNot) if outcome else isinstance(sign, SAME)
    if one and two and isinstance(first, Op) and differs:
        wanted = second if isinstance(second, list | tuple | set) else [second]
        if all(isinstance(op, Op) for op in wanted):
            return [f"it wants {' or '.join(map(printed_op, wanted))}, and there stands {printed_op(first)}"]
    return _values(piece, run, source)


def _clients(side: ast.expr, names: dict[str, Any]) -> tuple[Variable, int] | None:
    """The variable of ``len(fgraph.clients[variable])``, and how many read it."""
    if not (isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.func.id == "len"):
        return None
    inside = side.args[0] if side.args else None
    if not (isinstance(inside, ast.Subscript) and ast.unparse(inside.value).endswith("clients")):
        return None
    (one, variable), (two, readers) = _compute(inside.slice, names), _compute(inside, names)
    return (variable, len(readers)) if one and two and isinstance(variable, Variable) else None


def _values(piece: ast.expr, run: _Run, source: _Source) -> list[Part]:
    """What the names and attributes in a part of a test stand for."""
    told: list[Part] = []
    for expression in _shown(piece):
        known, value = _compute(expression, run.names)
        named = isinstance(value, Op | Type) or not callable(value)  # both can be called
        if not known or isinstance(value, type | ModuleType) or not named:
            continue
        text = ast.unparse(expression)
        told += [", " if told else "", f"`{_short(text)}` is ", *_what(value)]
        if isinstance(expression, ast.Name):
            told += _from(expression.id, run, source)
    return told


def _from(name: str, run: _Run, source: _Source) -> list[Part]:
    """The call that a name has its value from, and what it was given."""
    made = [
        node
        for node in source.assigned
        if isinstance(node.value, ast.Call)
        and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
        and any(_within(line, node) for line in run.lines)
    ]
    if len(made) != 1:
        return []
    call = made[0].value
    assert isinstance(call, ast.Call)
    told: list[Part] = [f", from `{_short(ast.unparse(call))}`"]
    for argument in call.args:
        known, value = _compute(argument, run.names)
        if known and isinstance(value, Variable) and isinstance(argument, ast.Name):
            told += [f" where `{argument.id}` is ", *_what(value)]
    return told


def _shown(piece: ast.expr) -> list[ast.expr]:
    """The largest parts of an expression that are names, attributes or entries."""
    if isinstance(piece, ast.Name | ast.Attribute | ast.Subscript):
        return [piece]
    if isinstance(piece, ast.GeneratorExp | ast.ListComp | ast.SetComp):
        return [shown for part in piece.generators for shown in _shown(part.iter)]
    if isinstance(piece, ast.Constant | ast.Lambda):
        return []
    if (
        isinstance(piece, ast.Call)
        and isinstance(piece.func, ast.Attribute)
        and piece.func.attr in PURE_NUMPY
    ):
        return [piece]
    children = ast.iter_child_nodes(piece)
    inside = [child for child in children if isinstance(child, ast.expr)]
    if isinstance(piece, ast.Call):
        inside = [*piece.args, *(keyword.value for keyword in piece.keywords)]
        if isinstance(piece.func, ast.Attribute):
            inside.insert(0, piece.func.value)
    found: dict[str, ast.expr] = {}
    for child in inside:
        for shown in _shown(child):
            found.setdefault(ast.unparse(shown), shown)
    return list(found.values())


def _values_in(text: str, run: _Run) -> list[Part]:
    """What the Variables in a line of code stand for."""
    try:
        tree = ast.parse(text.removesuffix(":") if text.endswith(":") else text)
    except SyntaxError:
        return []
    told: list[Part] = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in call.args:
            known, value = _compute(argument, run.names)
            if known and isinstance(value, Variable):
                told += ["; " if not told else ", ", f"`{_short(ast.unparse(argument))}` is ", *_what(value)]
    return told


PURE = {
    len,
    sum,
    isinstance,
    issubclass,
    type,
    all,
    any,
    zip,
    min,
    max,
    set,
    tuple,
    list,
    getattr,
    hasattr,
    bool,
    range,
}
PURE_NUMPY = {
    "all",
    "any",
    "sum",
    "prod",
    "isclose",
    "allclose",
    "array_equal",
    "array_equiv",
    "isfinite",
    "ndim",
}
PLAIN = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Constant,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.BinOp,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.GeneratorExp,
    ast.ListComp,
    ast.comprehension,
    ast.Call,
    ast.Starred,
    ast.expr_context,
    ast.boolop,
    ast.cmpop,
    ast.unaryop,
    ast.operator,
)


def _compute(expression: ast.expr, names: dict[str, Any]) -> tuple[bool, Any]:
    """Whether an expression could be computed again without doing anything, and its value."""
    for node in ast.walk(expression):
        if not isinstance(node, PLAIN):
            return False, None
        if isinstance(node, ast.Call) and not _is_pure(node.func, names):
            return False, None
    try:
        compiled = compile(ast.Expression(ast.fix_missing_locations(expression)), "<test>", "eval")
        value = eval(compiled, dict(names))  # a part of PyTensor's own code, in the frame it ran in
        bool(value) if isinstance(value, bool | int | float | str) else None
    except Exception:
        return False, None
    return True, value


def _is_pure(function: ast.expr, names: dict[str, Any]) -> bool:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return names.get(function.value.id) is np and function.attr in PURE_NUMPY
    if not isinstance(function, ast.Name):
        return False
    found = names.get(function.id, getattr(builtins, function.id, None))
    try:
        return found in PURE
    except TypeError:
        return False


# What stands there ---------------------------------------------------------------------------------------------------


def _what(thing: Any) -> list[Part]:
    """What a value is, for a sentence."""
    if isinstance(thing, Constant):
        return [f"the constant {_value(thing.data)}"]
    if isinstance(thing, Variable):
        kind = "a shared variable" if isinstance(thing, SharedVariable) else "an input, not computed"
        return [live(thing)] if thing.owner is not None else [live(thing), f" ({kind})"]
    if isinstance(thing, Apply):
        return [live(thing)]
    if isinstance(thing, Op):
        return [printed_op(thing)]
    if isinstance(thing, list | tuple) and any(isinstance(one, Variable) for one in thing):
        told: list[Part] = []
        for one in thing[:3]:
            told += [", " if told else "", *_what(one)]
        return [*told, f", … ({len(thing)})"] if len(thing) > 3 else told
    return [_value(thing)]


def _kinds(kinds: Any) -> str:
    if not isinstance(kinds, tuple):
        kinds = getattr(kinds, "__args__", (kinds,))
    return plain(" or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds), LONGEST)


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, np.ndarray | np.generic):
        value = value.item() if value.size == 1 else value.tolist()
    if isinstance(value, list | tuple) and any(
        isinstance(one, np.ndarray | np.generic | Op) for one in value
    ):
        return plain(f"[{', '.join(map(_value, value[:6]))}{', …' if len(value) > 6 else ''}]", LONGEST)
    if isinstance(value, Op | Type):
        return plain(printed(value), LONGEST)
    if value is None or isinstance(value, bool | int | float | str | complex | list | tuple | np.dtype):
        return plain(printed(value if isinstance(value, np.dtype) else _repr(value)), LONGEST)
    return f"a {plain(type(value).__name__, 60)}"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # somebody's __repr__
        return type(value).__name__


def _short(text: str) -> str:
    return plain(text, LONGEST)


def sentences(parts: Sequence[Part], call: Callable[[Any, str], str]) -> str:
    """The parts as one text; `call` says what each thing of PyTensor's is called."""
    return "".join(part if isinstance(part, str) else call(part.thing, part.said) for part in parts)
