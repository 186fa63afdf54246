"""One object to ask: ``inspect(f).evaluate(x, y).measure().leave_out().diagnose()``.

Every question gives a new `Inspection` that knows more; the one asked stays as it was. The function
inspected is never called, and its shared variables never change: a copy is compiled and run.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from pytensor.compile.executor import Function
from pytensor.graph.basic import Variable

from graphs.errors import InputError, call_back, finite_number, several, whole_number
from graphs.foreign import quoted
from graphs.functions import resolve_mode
from graphs.inspection.ablation import counterfactuals, weighty_first
from graphs.inspection.compiling.pipeline import LiveCopy, record
from graphs.inspection.compiling.pymc_model import REWRITES, function_of, is_model, model_graph
from graphs.inspection.compiling.written import written_expression, written_function
from graphs.inspection.doctor import diagnose
from graphs.inspection.file import save
from graphs.inspection.findings import Measurements
from graphs.inspection.linkers.clocks import time_nodes
from graphs.inspection.linkers.code import generated_code
from graphs.inspection.recording import Recording
from graphs.inspection.show.page.document import Page, page
from graphs.inspection.start import until_called, with_imports
from graphs.inspection.values.evaluate import evaluate
from graphs.inspection.values.inputs import Inputs, Shapes, bind
from graphs.inspection.views import Printable
from graphs.inspection.why import why
from graphs.listener import Listener

__all__ = ["PARTS", "Inspection", "inspect"]

PARTS = ("values", "doctor", "times", "code", "weight")


def inspect(
    what: Any,
    outputs: Any = None,
    updates: Any = (),
    *,
    mode: Any = None,
    givens: Any = (),
    name: str = "",
) -> Inspection:
    """Compile a copy of a function or expression and record what the compiler does to it.

    Parameters
    ----------
    what : pytensor function, PyMC model, or list of Variable
        A compiled function; a model, for its log-density ``logp`` and that one's gradient ``dlogp``, compiled as
        PyMC compiles them; or the inputs of an expression, as for ``pytensor.function``.
    outputs : Variable or list of Variable, optional
        With inputs: what to compute.
    updates : list of (shared variable, Variable), optional
        With inputs: new values of shared variables.
    mode : str or Mode, optional
        With inputs or a model: the mode to compile in; PyTensor's configured one by default. A function is
        recorded in its own mode and linker.
    givens : list of pairs, optional
        With inputs: as for ``pytensor.function``.
    name : str, optional
        With inputs: a name for the recording.

    Returns
    -------
    Inspection
        With the story, and without values, times, code and what rules are worth: ask it for those.

    Raises
    ------
    InputError
        If `what` is neither a compiled function nor a list of inputs, or a mode is given with a
        function.
    """
    if not isinstance(name, str):
        raise InputError("name", found=quoted(name), allowed="a text")
    what = function_of(what)
    if is_model(what):
        if outputs is not None or updates != () or givens != ():
            raise InputError("outputs", found="outputs, updates or givens beside a model", allowed="none")
        graph = model_graph(what)
        chosen = resolve_mode(mode).including(*REWRITES)
        written = written_expression(graph.inputs, graph.outputs, mode=chosen, name=name or what.name)
    elif isinstance(what, Function):
        beside = {"outputs": outputs, "updates": updates, "mode": mode, "givens": givens}
        for argument, value in beside.items():
            if value is not None and value != ():
                raise InputError(
                    argument,
                    found="one beside a compiled function",
                    allowed="none, for the function has its own",
                    remedy="pass the inputs, outputs and updates of the expression instead",
                )
        written = written_function(what)
    elif isinstance(what, Sequence) and not isinstance(what, str | Variable):
        written = written_expression(list(what), outputs, updates, mode=mode, givens=givens, name=name)
    else:
        raise InputError(
            "what",
            found=quoted(what),
            allowed="a compiled PyTensor function, a PyMC model, or a list of input variables",
        )
    live = record(written)
    return Inspection(live, live.recording)


@dataclass(frozen=True, repr=False)
class Inspection(Printable):
    """A compilation to ask questions of; prints as the report of what is known so far.

    Every question takes inputs as a call of the function does, or one mapping of them by name, and draws
    what is not given. They are bound at the first question and used by the later ones. Other inputs at a later
    question are bound anew, and what was found on the old ones is left out of the result.
    """

    live: LiveCopy  # the compiled copy, and what it takes to compile it again
    recording: Recording  # the story and what was found out so far: plain data
    inputs: Inputs | None = None  # what every question is asked on; None until the first that needs some

    @property
    def function(self) -> Any:
        """The compiled copy, with storage of its own."""
        return self.live.function

    def reset(self) -> None:
        """Put the copy's shared variables back to what they were when it was recorded."""
        self.live.reset()

    def on(self, *inputs: Any, shapes: Shapes | None = None, seed: int | None = None) -> Inspection:
        """The same on these inputs; as it is where none are given and some are bound.

        Parameters
        ----------
        inputs : values, or one mapping by name
            Sample inputs as a call of the function takes them; by name, those left out are drawn.
        shapes : mapping by name, or sequence by position, optional
            Shapes to draw the others in, where their Types leave lengths open.
        seed : int, optional
            Seed of what is drawn; 0 by default.

        Raises
        ------
        InputError
            If an input is missing, unknown or does not fit.
        """
        if self.inputs is not None and not inputs and shapes is None and seed is None:
            return self
        by_name = len(inputs) == 1 and isinstance(inputs[0], Mapping)
        given = inputs[0] if by_name else inputs or None
        bound = bind(self.live, given, shapes, seed or 0)
        if self.inputs is None or bound.same(self.inputs):
            return replace(self, inputs=bound)
        bare = self._knowing(evaluation=None, counterfactuals=None, measurements=None)
        return replace(bare, inputs=bound)

    def evaluate(
        self, *inputs: Any, shapes: Shapes | None = None, seed: int | None = None, run: bool = True
    ) -> Inspection:
        """Compute every snapshot Op by Op and judge every step.

        Parameters
        ----------
        inputs, shapes, seed
            As for `on`.
        run : bool
            Whether to call the compiled copy too and compare it with the last snapshot.
        """
        asked = self.on(*inputs, shapes=shapes, seed=seed)
        asked = asked._called() if run else asked
        return asked._knowing(evaluation=evaluate(asked.live, asked._bound, run=run))

    def measure(
        self,
        *inputs: Any,
        shapes: Shapes | None = None,
        seed: int | None = None,
        seconds: float = 2.0,
        rounds: int = 25,
        times: bool = True,
        code: bool = True,
        whole: bool = False,
    ) -> Inspection:
        """Time every final node and what comes before the first call, and read the code each node became.

        Parameters
        ----------
        inputs, shapes, seed
            As for `on`.
        seconds, rounds
            As for `graphs.inspection.linkers.clocks.time_nodes`.
        times, code : bool
            What to do; what was measured before and is not asked for stays.
        whole : bool
            Also LLVM and assembly, or compiled HLO, of the whole function.
        """
        finite_number("seconds", seconds, above=0, below=1e6)
        whole_number("rounds", rounds, 1)
        asked = self.on(*inputs, shapes=shapes, seed=seed)
        known = asked.recording.measurements or Measurements()
        numbers, arguments = asked.recording.final_order, asked._bound.arguments
        asked.reset()
        if times:
            asked = asked._called()
            started = with_imports(asked.recording.start, asked.live.written.mode.linker)
            asked = asked._knowing(start=started)
            timed = time_nodes(asked.function, arguments, numbers=numbers, seconds=seconds, rounds=rounds)
            known = msgspec.structs.replace(known, times=timed)
        if code:
            found = generated_code(asked.function, arguments, numbers=numbers, whole=whole)
            known = msgspec.structs.replace(known, code=found)
        asked.reset()
        return asked._knowing(measurements=known)

    def leave_out(
        self,
        *inputs: Any,
        shapes: Shapes | None = None,
        seed: int | None = None,
        rules: Sequence[str] | None = None,
        rounds: int = 0,
        listener: Listener | None = None,
    ) -> Inspection:
        """For each rule that fired, compile without it, call it, and compare.

        Parameters
        ----------
        inputs, shapes, seed
            As for `on`.
        rules : sequence of str, optional
            Names of the rules to leave out, one at a time; all that fired by default. What is known of others
            stays.
        rounds : int
            Rounds of timing, all compilations called in turn; 0 for none.
        listener : Listener, optional
            Told of each rule as its turn comes.
        """
        if rules is not None:
            rules = several("rules", rules, [rule.name for rule in self.recording.rules])
        whole_number("rounds", rounds, 0)
        if listener is not None:
            call_back("listener", listener, "begins", "progress")
        asked = self.on(*inputs, shapes=shapes, seed=seed)._called()
        known, evaluation = asked.recording.counterfactuals or (), asked.recording.evaluation
        found = counterfactuals(
            asked.live, asked._bound, evaluation, rules=rules, rounds=rounds, listener=listener
        )
        tried = {result.rule for result in found}
        kept = [result for result in known if result.rule not in tried]
        return asked._knowing(counterfactuals=weighty_first([*kept, *found]))

    def diagnose(self, names: Sequence[str] | None = None) -> Inspection:
        """Try known stabilizing rewrites under the same mode; see `graphs.inspection.doctor.diagnose`."""
        return self._knowing(diagnoses=diagnose(self.live.written.mode, names))

    def why(self, rule: str) -> Inspection:
        """Find out why a rewrite did not fire, or where it did: the graph is rewritten once more to see.

        Parameters
        ----------
        rule : str
            Its name in PyTensor's database, or as the recording has it. What is known of others stays.

        Raises
        ------
        InputError
            If there is no rewrite of that name; close names are proposed.
        """
        found = why(self.live, rule)
        known = [other for other in self.recording.whys or () if other.rule != found.rule]
        return self._knowing(whys=(*known, found))

    def examine(
        self,
        *inputs: Any,
        shapes: Shapes | None = None,
        seed: int | None = None,
        parts: Collection[str] = PARTS,
        whole: bool = False,
        rounds: int = 15,
        listener: Listener | None = None,
    ) -> Inspection:
        """All questions, or those asked for, one after the other.

        Parameters
        ----------
        inputs, shapes, seed
            As for `on`.
        parts : collection of str
            Of `PARTS`: ``values`` at every step, ``doctor`` for known stabilizing rewrites, ``times``
            and ``code`` of the final nodes, ``weight`` for the compilation without each rule (which
            compiles once per rule and takes longest).
        whole : bool
            With ``code``, also LLVM and assembly, or compiled HLO.
        rounds : int
            With ``weight``, rounds of timing per rule.
        listener : Listener, optional
            Told what is being done.
        """
        listener = Listener() if listener is None else listener
        call_back("listener", listener, "begins", "progress")
        parts = several("parts", parts, PARTS)
        whole_number("rounds", rounds, 1)
        asked = self
        if set(parts) - {"doctor"}:
            asked = asked.on(*inputs, shapes=shapes, seed=seed)
        if "values" in parts:
            listener.begins("computing every step's values")
            asked = asked.evaluate()
        if "doctor" in parts:
            listener.begins("trying known stabilizing rewrites")
            asked = asked.diagnose()
        if "times" in parts or "code" in parts:
            listener.begins("timing the nodes" if "times" in parts else "reading the code")
            asked = asked.measure(times="times" in parts, code="code" in parts, whole=whole)
        if "weight" in parts:
            asked = asked.leave_out(rounds=rounds, listener=listener)
        return asked

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `recording` to `path`; `graphs.inspection.load` reads it back."""
        save(self.recording, path)

    def page(self) -> Page:
        """The page of what is known so far, to be saved or shown in a notebook; see `graphs.inspection.page`."""
        return page(self.recording)

    def __repr__(self) -> str:
        return repr(self.recording).replace("Recording", "Inspection", 1)

    def __rich__(self) -> Any:
        return self.recording.__rich__()

    @property
    def _bound(self) -> Inputs:
        assert self.inputs is not None  # `on` was asked before
        return self.inputs

    def _called(self) -> Inspection:
        """With the first call timed, before anything else calls the copy."""
        live = self.live
        live.reset()
        live.first_call.make(live.function, self._bound.arguments)
        live.reset()
        return self._knowing(start=until_called(self.recording.start, live.compiler, live.first_call))

    def _knowing(self, **findings: Any) -> Inspection:
        return replace(self, recording=msgspec.structs.replace(self.recording, **findings))
