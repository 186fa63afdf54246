"""Why did a rewrite not fire? What PyTensor did with one rewrite, by name, while it compiled this graph.

The graph is rewritten once more, on variables of its own, with the rewrite observed: each time PyTensor asks it for a
node, the node, the moment and the answer are noted. So what is told is what happened and not what the rewrite's name
suggests. There are six answers:

- it fired, in these steps;
- the mode leaves it out: which tags decide, and the text that brings it in, which is tried out;
- it was in the mode and never tried: no node of the Ops it looks at stood there when its turn came;
- it was tried and refused everywhere: the place where it came furthest, and the test that failed
  (`graphs.inspection.refusal`);
- it offered a replacement, and PyTensor did not take it;
- it looks at the whole graph at once, ran, and changed nothing: which test failed is not known.
"""

from __future__ import annotations

import difflib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from pytensor.compile.mode import Mode, optdb
from pytensor.graph.basic import Apply
from pytensor.graph.op import HasInnerGraph
from pytensor.graph.rewriting.basic import (
    GraphRewriter,
    NodeRewriter,
    PatternNodeRewriter,
    SequentialNodeRewriter,
)
from pytensor.graph.rewriting.db import RewriteDatabase

from graphs.environment import own_warnings_only
from graphs.errors import InputError
from graphs.foreign import one_line, plain, quoted
from graphs.functions import mode_names, resolve_mode
from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.compiling.rules import describe, parts
from graphs.inspection.compiling.tables import Tables
from graphs.inspection.compiling.watch import Watcher, overheard, rewrite_watched, rewriting
from graphs.inspection.compiling.written import Written
from graphs.inspection.findings import FIRED, LEFT_OUT, NEVER_TRIED, NOT_TAKEN, REFUSED, UNMOVED, Place, Why
from graphs.inspection.recording import Recording
from graphs.inspection.refusal import (
    Refusal,
    offered,
    pattern_text,
    printed_op,
    sentences,
    watched_call,
)
from graphs.inspection.show.formulas import Formulas

__all__ = ["why"]

MOST_PLACES = 3
LIKE = 6  # names that are proposed for one that there is not
MOST_TOLD = 6  # Ops, tags or nodes that one sentence lists


def why(live: LiveCopy, name: str) -> Why:
    """Find out what became of one rewrite in this compilation; as for `Inspection.why`."""
    mode = live.written.mode
    asked = _look_up(getattr(mode, "optdb", optdb), name, live.recording)
    inside = asked.selected(mode)
    watch = _observe(live.written.under(mode), asked)
    names = _Names(live.recording, watch)
    steps, vain = _made(asked, watch)
    refused = [attempt for attempt in watch.attempts if not attempt.offered]
    own = [attempt for attempt in watch.attempts if not attempt.inside]
    if steps:  # what it did in the end is no refusal, nor where a pattern only looked on from
        done = {attempt.node for attempt in watch.attempts if attempt.offered}
        least = 1 if any(isinstance(r, PatternNodeRewriter) for r in asked.looking) else 0
        refused = [a for a in refused if a.node not in done and _reach(a) >= least]
    places = _places(refused if steps else vain or refused, names)
    told = [*_same_story(names)]
    if steps:
        answer = FIRED
        if not names.same:
            told.append(f"The second time it fired {_times(len(steps))}.")
            steps = ()
    elif not inside and not own:
        answer = LEFT_OUT
    elif vain:
        answer = NOT_TAKEN
    elif refused:
        answer = REFUSED
    elif asked.whole and watch.runs:
        answer = UNMOVED
    else:
        answer = NEVER_TRIED
    if len(asked.looking) > 1 and asked.walkers:
        made_of = _listed(str(getattr(part, "__name__", part)) for part in asked.looking)
        told.insert(
            0, f"It is made of {len(asked.looking)} rewrites, and this is told of all of them: {made_of}."
        )
    if asked.member is not None:
        told.insert(0, f"PyTensor's database has it only as a part of {_listed(asked.names)}.")
    found = Why(
        asked.said,
        answer,
        asked.phases,
        steps,
        len(watch.attempts),
        len({attempt.node for attempt in own}),
        places if answer in (FIRED, REFUSED, NOT_TAKEN) else (),
    )
    if not inside:
        told += asked.left_out(mode)
        if own:
            told.append("It was tried all the same: something else that the mode runs asks it.")
        include, more = _brought_in(live.written, asked, mode)
        told += more
        modes = tuple(other for other in mode_names() if other.lower() != "default" and _holds(asked, other))
        found = msgspec.structs.replace(found, include=include, modes=modes)
    else:
        exclude, more = _left_out_by(asked, mode)
        found = msgspec.structs.replace(found, exclude=exclude)
        told += more
    if answer == NEVER_TRIED:
        told += _never(asked, watch, names)
    if answer == UNMOVED:
        told.append(
            f"It looks at the whole graph at once, and ran {_times(watch.runs)}: which of its tests failed is not known."
        )
    if watch.attempts and not own:
        told.append("It was tried only on graphs within Ops (a Scan's step, say), not on this graph itself.")
        if not inside:
            told.append("Those need not be compiled in this mode.")
    return msgspec.structs.replace(found, told=tuple(plain(sentence, 1000) for sentence in told))


# Names ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """One place where PyTensor's database holds a rewriter: the databases from the outermost in, each with its part."""

    rewriter: Any
    path: tuple[tuple[Any, Any], ...]

    @property
    def phase(self) -> str:
        return str(self.path[0][1].name)


@dataclass(frozen=True)
class _Asked:
    """A rewrite by its name, with all places where the database holds it."""

    said: str  # what it is called
    names: tuple[str, ...]  # what the database calls it, or what it is a part of
    entries: tuple[_Entry, ...]
    member: NodeRewriter | None = None  # the one that is meant, where the database has it only within another

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.phase for entry in self.entries))

    @property
    def rewriters(self) -> tuple[Any, ...]:
        """The rewriters of that name."""
        return tuple({id(entry.rewriter): entry.rewriter for entry in self.entries}.values())

    @property
    def looking(self) -> tuple[NodeRewriter, ...]:
        """Those that are asked for single nodes: they, or what they are made of."""
        if self.member is not None:
            return (self.member,)
        found: dict[int, NodeRewriter] = {}
        for rewriter in self.rewriters:
            for part in parts(rewriter):
                if isinstance(part, NodeRewriter) and not isinstance(part, SequentialNodeRewriter):
                    found[id(part)] = part
        return tuple(found.values())

    @property
    def walkers(self) -> tuple[GraphRewriter, ...]:
        """Those that ask node rewriters, which others may ask too: only what happens within them counts."""
        graph_wide = tuple(r for r in self.rewriters if isinstance(r, GraphRewriter))
        return graph_wide if self.looking and self.member is None else ()

    @property
    def whole(self) -> tuple[GraphRewriter, ...]:
        """Those that look at the whole graph and ask no others."""
        return tuple(r for r in self.rewriters if isinstance(r, GraphRewriter)) if not self.looking else ()

    def selected(self, mode: Any) -> bool:
        """Whether the mode's selection holds one of them, as PyTensor puts it together."""
        known = _selection(mode)
        return any(id(rewriter) in known for rewriter in self.rewriters)

    def left_out(self, mode: Any) -> Iterator[str]:
        """Which part of the mode's selection leaves it out."""
        query = getattr(mode, "_optimizer", None)
        if not hasattr(query, "include"):
            yield "This mode has a rewriter of its own, and this rewrite is not in it."
            return
        if getattr(mode, "optdb", optdb) is not optdb:
            yield "This mode has a database of rewrites of its own."
        for entry in self.entries:
            yield from _blocked(str(entry.path[-1][1].name), entry, query)


def _look_up(database: Any, name: Any, recording: Recording) -> _Asked:
    """The rewrite of that name; refused, with names like it, where there is none."""
    allowed = "a rewrite by its name in PyTensor's database"
    if not isinstance(name, str) or not name:
        raise InputError("rule", found=quoted(name), allowed=allowed)
    entries: dict[str, list[_Entry]] = {}
    groups: dict[str, int] = {}
    for entry, known in _entries(database):
        if isinstance(entry.rewriter, RewriteDatabase):
            groups[known] = sum(1 for _ in _entries(entry.rewriter))
        else:
            entries.setdefault(known, []).append(entry)
    position = getattr(database, "__position__", {})

    def asked(*names: str, member: NodeRewriter | None = None) -> _Asked:
        held = [entry for known in names for entry in entries[known]]
        held.sort(key=lambda entry: position.get(entry.phase, 0))
        return _Asked(name if len(names) > 1 or member is not None else names[0], names, tuple(held), member)

    if name in entries:
        return asked(name)
    recorded = {rule.name: rule for rule in recording.rules}
    if name in recorded and not recorded[name].inherited:
        registered = tuple(known for known in recorded[name].registered if known in entries)
        if " + " in name:
            raise InputError(
                "rule",
                found=f"{quoted(name)}, which acted together",
                allowed=f"one of {', '.join(registered)}",
            )
        if registered:
            return asked(*registered)
    for known, held in entries.items():
        for part in parts(held[0].rewriter):
            if isinstance(part, NodeRewriter) and getattr(part, "__name__", "") == name:
                return asked(known, member=None if part is held[0].rewriter else part)
    like = [known for known in sorted(entries) if name.lower() in known.lower()]
    like += [known for known in difflib.get_close_matches(name, entries, LIKE, 0.55) if known not in like]
    remedy = (
        f"names like it: {', '.join(like[:LIKE])}" if like else "graphs inspect shows those that fire here"
    )
    if name in recorded and name not in groups:
        steps = [n for n in range(1, len(recording.steps) + 1) if recording.rule_of(n).name == name]
        found = f"{quoted(name)}, which fired in step {steps[0]}, and for which the database has no name"
        raise InputError("rule", found=found, allowed=allowed)
    if name in groups:
        found = f"{quoted(name)}, which is a phase or group of {groups[name]} rewrites"
        raise InputError("rule", found=found, allowed=allowed)
    tagged = _tagged(database, name)
    if tagged:
        raise InputError(
            "rule", found=f"{quoted(name)}, which is a tag of {tagged} rewrites", allowed=allowed
        )
    raise InputError("rule", found=quoted(name), allowed=allowed, remedy=remedy)


def _entries(database: Any, path: tuple[tuple[Any, Any], ...] = ()) -> Iterator[tuple[_Entry, str]]:
    """All that a database holds, at any depth, with the names they are registered under."""
    if len(path) > 10:  # a database within itself
        return
    if hasattr(database, "db"):  # one that walks the graph with what another holds
        yield from _entries(database.db, path)
    for name in sorted(database._names):
        for part in database.__db__[name]:
            here = (*path, (database, part))
            yield _Entry(part, here), name
            if isinstance(part, RewriteDatabase):
                yield from _entries(part, here)


def _tagged(database: Any, tag: str) -> int:
    inner = [part for entry, _ in _entries(database) for part in [entry.rewriter]]
    databases = [database, *(part for part in inner if isinstance(part, RewriteDatabase))]
    return sum(len(held.__db__[tag]) for held in databases if tag in held.__db__)


def _selection(mode: Any) -> set[int]:
    """All rewriters that a mode runs, by identity; the database keeps them alive."""
    return {id(part) for part in parts(rewriting(mode).optimizer)}


# The mode ------------------------------------------------------------------------------------------------------------


def _blocked(name: str, entry: _Entry, query: Any) -> Iterator[str]:
    """What of a query keeps one place in the database out, from the outside in."""
    told = False
    for depth, (database, part) in enumerate(entry.path):
        own = type(part).__name__
        tags = [str(tag) for tag, held in database.__db__.items() if part in held and str(tag) != own]
        tags = [tag for tag in tags if tag != part.name] if part.name in tags else tags
        matching = {*tags, part.name, own}
        last = depth == len(entry.path) - 1
        what = name if last else f"the whole of {part.name}"
        where = f"In {entry.path[depth - 1][1].name} the mode" if depth else "The mode"
        out = f"{where} leaves {what} out"
        excluded = [str(tag) for tag in query.exclude if tag in matching]
        if excluded:
            told = True
            yield f"{out}: it excludes {_listed(excluded)}."
        elif not any(tag in matching for tag in query.include):
            told = True
            yield f"{out}: of its tags, {_listed(tags)}, the mode includes none; it includes {_listed(query.include)}."
        elif lacking := [str(tag) for tag in query.require if tag not in matching]:
            told = True
            yield f"{out}: it requires {_listed(lacking)}."
        cutoff = getattr(query, "position_cutoff", None)
        position = getattr(database, "__position__", {}).get(part.name)
        if not depth and cutoff is not None and position is not None and position >= cutoff:
            told = True
            yield f"The mode stops at position {cutoff:g}, and {part.name} stands at {position:g}."
    if not told:
        yield f"Which part of the mode's selection leaves out {name} in {entry.phase} is not known."


def _listed(names: Any) -> str:
    known = [plain(name, 60) for name in names]
    more = f" and {len(known) - MOST_TOLD} more" if len(known) > MOST_TOLD else ""
    return (", ".join(known[:MOST_TOLD]) or "none") + more


def _brought_in(written: Written, asked: _Asked, mode: Any) -> tuple[str, list[str]]:
    """The code that brings the rewrite in, where PyTensor's database says that it does, and what comes of it."""
    if not hasattr(getattr(mode, "_optimizer", None), "include"):
        return "", []
    first: tuple[str, list[str]] | None = None
    for tags in dict.fromkeys(_candidates(asked)):
        try:
            fires, text, told = _tried_with(written, asked, mode, tags)
        except Exception as problem:  # of a mode of somebody's, or of rewrites that do not go with it
            return first or ("", [f"Bringing it in was tried, and did not go: {one_line(problem)}."])
        if fires:
            return text, [*(first[1] if first else []), told]
        if text and first is None:
            first = text, [told]
    return first or ("", ["mode.including does not bring it in: what a mode excludes stays out."])


def _candidates(asked: _Asked) -> Iterator[tuple[str, ...]]:
    """Tags to include, the fewest rewrites first."""
    yield asked.names
    for entry in asked.entries:
        yield (*asked.names, *(str(part.name) for _, part in entry.path[:-1]))
    yield ("fast_run",)


def _tried_with(written: Written, asked: _Asked, mode: Any, tags: tuple[str, ...]) -> tuple[bool, str, str]:
    """Whether it fires under the mode with these tags, the code for that mode, and what comes of it.

    No code where PyTensor's database says that the rewrite is not in that mode either.
    """
    wider = mode.including(*tags)
    if not asked.selected(wider):
        return False, "", ""
    database = getattr(mode, "optdb", optdb)
    known = {id(e.rewriter) for e, _ in _entries(database) if not isinstance(e.rewriter, RewriteDatabase)}
    gained = _selection(wider) - _selection(mode)
    others = len(known & gained - {id(rewriter) for rewriter in asked.rewriters})
    watch = _observe(written.under(wider), asked)
    steps, vain = _made(asked, watch)
    text = f"mode.including({', '.join(map(_literal, tags))})"
    told = f"{text} brings it in{f', with {others} other rewrites' if others else ''}; then it "
    if steps:
        told += f"fires here, {_times(len(steps))}."
    elif vain:
        told += "offers a replacement that is not taken."
    elif watch.attempts:
        told += f"is tried {_times(len(watch.attempts))} and fires nowhere."
    else:
        told += "runs and changes nothing." if watch.runs else "is never tried."
    return bool(steps), text, told


def _literal(text: str) -> str:
    return '"' + plain(text, 80).replace('"', "'") + '"'


def _holds(asked: _Asked, name: str) -> bool:
    try:
        return asked.selected(resolve_mode(name))
    except Exception:  # a mode whose framework is not there
        return False


def _left_out_by(asked: _Asked, mode: Any) -> tuple[str, list[str]]:
    """The code that leaves the rewrite out, where PyTensor's database says that it does, and what goes with it."""
    own = {id(rewriter) for rewriter in asked.rewriters}
    made_of_it = {
        name: None
        for entry, name in _entries(getattr(mode, "optdb", optdb))
        if not isinstance(entry.rewriter, RewriteDatabase) and id(entry.rewriter) not in own
        if any(id(part) in own for part in parts(entry.rewriter))
    }
    own_names = asked.names
    for names in (own_names, (*own_names, *made_of_it)):
        try:
            narrower: Mode = mode.excluding(*names)
            if asked.selected(narrower):
                continue
        except Exception:  # a mode of somebody's
            break
        others = names[len(own_names) :]
        more = [f"{_listed(others)}, which is made of it and others, goes with it."] if others else []
        if asked.member is not None:
            more.append(f"All of {_listed(own_names)} goes with it.")
        return f"mode.excluding({', '.join(map(_literal, names))})", more
    return "", []


# Watching ------------------------------------------------------------------------------------------------------------


@dataclass
class _Attempt:
    """One time that PyTensor asked the rewrite for a node."""

    rewriter: Any
    node: Apply
    said: str  # the node as PyTensor printed it then
    snapshot: int
    inside: bool  # whether the node belongs to a graph within an Op
    offered: bool = False
    refusal: Refusal | None = None


class _Watcher(Watcher):
    """Also notes when each part of the rewriter ran, and every attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[_Attempt] = []
        self.within: int | None = None  # how many walkers run now; None where there are none to be within
        self.runs = 0  # of rewriters that look at the whole graph
        self.made: list[int] = []  # the steps that these made
        self.spans: list[tuple[str, int, int]] = []  # part, snapshots before and after it
        self._began = 0
        self._thread = threading.get_ident()

    def begin(self, phase: Any, name: str) -> None:
        if self.phase is not None:
            self.close()
            self.spans.append((self.phase_name, self._began, len(self.applications)))
        super().begin(phase, name)
        self._began = len(self.applications)

    def attempt(
        self, rewriter: Any, transform: Callable[..., Any], fgraph: Any, node: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Stands for the rewriter's ``transform``."""
        call = partial(transform, fgraph, node, *args, **kwargs)
        if threading.get_ident() != self._thread or self.fgraph is None or self.within == 0:
            return call()
        snapshot = self.settled()
        made = _Attempt(rewriter, node, plain(str(node), 200), snapshot, fgraph is not self.fgraph)
        self.attempts.append(made)
        result, made.refusal = watched_call(rewriter, call, fgraph, node, kwargs.get("get_nodes", True))
        if isinstance(result, Exception):
            raise result
        if made.refusal is not None and not made.refusal.asked:
            self.attempts.remove(made)
        made.offered = offered(result)
        return result

    def walk(self, apply: Callable[..., Any], fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        """Stands for a walker's ``apply``."""
        if threading.get_ident() != self._thread:
            return apply(fgraph, *args, **kwargs)
        self.within = (self.within or 0) + 1
        try:
            return apply(fgraph, *args, **kwargs)
        finally:
            self.within -= 1

    def run(self, apply: Callable[..., Any], fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        """Stands for a graph rewriter's ``apply``."""
        if threading.get_ident() != self._thread or fgraph is not self.fgraph:
            return apply(fgraph, *args, **kwargs)
        self.runs += 1
        before = self.settled()
        try:
            return apply(fgraph, *args, **kwargs)
        finally:
            self.made += range(before + 1, self.settled() + 1)


_OBSERVING = threading.RLock()  # the rewriters are everybody's


def _observe(written: Written, asked: _Asked) -> _Watcher:
    """Rewrite the graph once more with the rewrite observed."""
    watcher = _Watcher()
    silent = redirect_stdout(io.StringIO())  # of rewrites that print
    with _OBSERVING, _observed(asked, watcher), own_warnings_only(), overheard(), silent:
        maker = rewrite_watched(written, watcher)
        # Before 3.2, and in some linkers, a Scan's own graph is rewritten only when the function is linked.
        if any(isinstance(node.op, HasInnerGraph) for node in maker.fgraph.apply_nodes):
            maker.create()
    return watcher


@contextmanager
def _observed(asked: _Asked, watcher: _Watcher) -> Iterator[None]:
    put: list[tuple[Any, str]] = []
    try:
        for rewriter in asked.looking:
            rewriter.transform = partial(watcher.attempt, rewriter, rewriter.transform)
            put.append((rewriter, "transform"))
        for graph_wide, stands in ((asked.whole, watcher.run), (asked.walkers, watcher.walk)):
            for rewriter in graph_wide:
                rewriter.apply = partial(stands, rewriter.apply)
                put.append((rewriter, "apply"))
        if asked.walkers and not any(isinstance(rewriter, NodeRewriter) for rewriter in asked.rewriters):
            watcher.within = 0
        yield
    finally:
        for rewriter, name in put:
            vars(rewriter).pop(name, None)


def _made(asked: _Asked, watch: _Watcher) -> tuple[tuple[int, ...], list[_Attempt]]:
    """The steps that the rewrite made, and the attempts whose offer was not taken."""
    steps, vain = set(watch.made), []
    for attempt in watch.attempts:
        if not attempt.offered or attempt.inside:
            continue
        following = watch.applications[attempt.snapshot : attempt.snapshot + 1]
        if following and _acts(following[0].rule, attempt.rewriter):
            steps.add(attempt.snapshot + 1)
        else:
            vain.append(attempt)
    return tuple(sorted(steps)), vain


def _acts(reason: Any, rewriter: Any) -> bool:
    if isinstance(reason, list | tuple):
        return any(_acts(member, rewriter) for member in reason)
    return reason is rewriter or any(part is rewriter for part in parts(reason))


# Telling -------------------------------------------------------------------------------------------------------------


class _Names:
    """What nodes and variables of the second rewriting are called: by the numbers of the recording, if it is the same."""

    def __init__(self, recording: Recording, watch: _Watcher) -> None:
        self.recording = recording
        self.tables = Tables()
        *_, steps = self.tables.story(watch)
        timeless = [
            [msgspec.structs.replace(step, seconds=0.0) for step in told] for told in (steps, recording.steps)
        ]
        self.same = timeless[0] == timeless[1] and self.tables.variables() == recording.variables
        self._formulas: dict[int, Formulas] = {}

    def number(self, node: Any, snapshot: int) -> int | None:
        if not (self.same and isinstance(node, Apply) and self.tables.has(node)):
            return None
        number = self.tables.node(node)
        standing = any(placed.node == number for placed in self.recording.snapshot(snapshot).nodes)
        return number if standing else None

    def formula(self, node: Any, snapshot: int, said: str) -> str:
        number = self.number(node, snapshot)
        if number is None:
            return said
        placed = next(n for n in self.recording.snapshot(snapshot).nodes if n.node == number)
        return plain(self._at(snapshot).node(placed, depth=3), 200)

    def call(self, snapshot: int, thing: Any, said: str) -> str:
        """What one thing is called in a sentence about that snapshot."""
        if isinstance(thing, Apply):
            number = self.number(thing, snapshot)
            formula = self.formula(thing, snapshot, said)
            return formula if number is None else f"{formula} (#{number})"
        number = self.tables.live_variables.numbers.get(thing) if self.same else None
        if number is None:
            return said
        owner = thing.owner
        if owner is not None and self.number(owner, snapshot) is None:
            return said
        formula = plain(self._at(snapshot).variable(number, depth=3, named=owner is None), 200)
        return formula if owner is None else f"{formula} (#{self.number(owner, snapshot)})"

    def _at(self, snapshot: int) -> Formulas:
        if snapshot not in self._formulas:
            self._formulas[snapshot] = Formulas(self.recording, snapshot)
        return self._formulas[snapshot]


def _same_story(names: _Names) -> Iterator[str]:
    if not names.same:
        yield (
            "Rewritten once more, the graph went through other steps than the recorded ones, so what is told is of"
            " the second time: nodes are named as PyTensor prints them, without numbers."
        )


def _places(attempts: Sequence[_Attempt], names: _Names) -> tuple[Place, ...]:
    """The attempts that came furthest, one for each test that failed."""
    furthest: dict[Apply, _Attempt] = {}
    for attempt in attempts:
        known = furthest.get(attempt.node)
        if known is None or _reach(attempt) >= _reach(known):  # the last: rewriting goes on
            furthest[attempt.node] = attempt
    ordered = sorted(furthest.values(), key=lambda attempt: (attempt.inside, -_reach(attempt)))
    if not ordered:
        return ()
    best = _reach(ordered[0])
    shown: dict[tuple[int, str], list[_Attempt]] = {}
    for attempt in ordered:
        if _reach(attempt) == best and attempt.inside == ordered[0].inside:
            refusal = attempt.refusal
            test = (
                (refusal.line, "".join(p if isinstance(p, str) else "…" for p in refusal.told))
                if refusal
                else (0, "")
            )
            shown.setdefault(test, []).append(attempt)
    groups = list(shown.values())[:MOST_PLACES]
    return tuple(
        _place(group[0], names, len(group) - 1 if len(groups) > 1 else len(ordered) - 1) for group in groups
    )


def _reach(attempt: _Attempt) -> int:
    return attempt.refusal.reach if attempt.refusal is not None else 0


def _place(attempt: _Attempt, names: _Names, others: int) -> Place:
    at, refusal = attempt.snapshot if names.same else 0, attempt.refusal
    number = None if attempt.inside else names.number(attempt.node, at)
    formula = names.formula(attempt.node, at, attempt.said) if number is not None else attempt.said
    if refusal is None:
        told = "it offered a replacement, and the graph did not take it, or had it already"
        return Place(number, at, formula, told, inside=attempt.inside, others=others)
    test = sentences(refusal.told, partial(names.call, at))
    file, line, source = refusal.file, refusal.line, refusal.source
    if not file and isinstance(attempt.rewriter, PatternNodeRewriter):
        defined = describe(attempt.rewriter, None).source
        file, line = (defined.file, defined.line) if defined is not None else ("", 0)
    return Place(number, at, formula, plain(test, 1000), file, line, source, attempt.inside, others)


def _never(asked: _Asked, watch: _Watcher, names: _Names) -> Iterator[str]:
    """Why a rewrite that the mode has was never tried."""
    wanted: list[Any] = []
    for rewriter in asked.looking:
        tracks = rewriter.tracks()
        if tracks is None:
            yield "It looks at every node, and there was none when its turn came."
            return
        wanted += [op for op in tracks if op not in wanted]
    if not wanted:
        yield "Its turn never came; why is not known."
        return
    shown = [printed_op(op) for op in wanted]
    kinds = _listed(dict.fromkeys(shown))
    stood = {
        snapshot: [node for node, op in nodes if any(_tracked(op_wanted, op) for op_wanted in wanted)]
        for snapshot, nodes in _standing(watch)
    }
    ever = [snapshot for snapshot, nodes in stood.items() if nodes]
    if not ever:
        yield f"It looks at nodes of {kinds}, and none ever stood in this graph."
        if like := _like(shown, watch):
            yield f"Ops with a like name that did stand there: {_listed(like)}."
    else:
        spans = [(name, a, b) for name, a, b in watch.spans if name in asked.phases]
        told = "; ".join(f"{name} ran on snapshot{'s' * (a != b)} {_span(a, b)}" for name, a, b in spans[:3])
        first = names.call(ever[0], stood[ever[0]][0], plain(str(stood[ever[0]][0]), 200))
        gaps = len(ever) <= ever[-1] - ever[0]
        when = (
            f"at times between snapshots {ever[0]} and {ever[-1]}"
            if gaps
            else f"in snapshot{'s' * (len(ever) > 1)} {_span(ever[0], ever[-1])}"
        )
        yield (
            f"It looks at nodes of {kinds}. Such nodes stood {when}, {first} among"
            f" them, but none was asked about{': ' + told if told else ''}."
        )
    for rewriter in asked.looking:
        if isinstance(rewriter, PatternNodeRewriter):
            yield f"Its pattern is {plain(pattern_text(rewriter.in_pattern), 200)}."


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _standing(watch: _Watcher) -> Iterator[tuple[int, list[tuple[Apply, Any]]]]:
    """The nodes of every snapshot."""
    nodes = {node: None for node, _ in watch.first}
    yield 0, [(node, node.op) for node in nodes]
    for step, application in enumerate(watch.applications, start=1):
        for node in application.gone:
            nodes.pop(node, None)
        nodes.update({node: None for node, _ in application.come})
        yield step, [(node, node.op) for node in nodes]


def _tracked(wanted: Any, op: Any) -> bool:
    if hasattr(wanted, "op_type"):
        return bool(wanted.match_op(op))
    return isinstance(op, wanted) if isinstance(wanted, type) else bool(wanted == op)


def _like(wanted: Sequence[str], watch: _Watcher) -> list[str]:
    """Ops of the graph whose names hold one of those wanted, or are held by it."""
    short = {name.partition("{")[0].lower() for name in wanted}
    found: dict[str, None] = {}
    for _, nodes in _standing(watch):
        for _, op in nodes:
            name = printed_op(op)
            own = name.partition("{")[0].lower()
            if len(own) > 2 and any(len(s) > 2 and own != s and (own in s or s in own) for s in short):
                found[name] = None
    return list(found)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
