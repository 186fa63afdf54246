"""JAX, which compiles the whole graph as one function: every node's jaxpr, and its lines of compiled HLO.

PyTensor hands JAX one Python function with a statement per node. Here the statements are run
one after the other on the real arguments, and each helper is traced alone: that is the node's
jaxpr. For HLO the function is traced once more with a named scope around each statement; XLA
carries the names into the instructions' metadata, also where it fuses several nodes into one.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import one_piece as watch
from graphs.inspection.linkers.compilers import Worked
from graphs.inspection.linkers.statements import called, definition

__all__ = ["IMPORTS", "code", "compiling", "watch"]

IMPORTS = ("jax", "pytensor.link.jax.dispatch")
COMPILES = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")

SCOPE = "graphs_scope"


@contextlib.contextmanager
def compiling(linker: Any, function: Any) -> Iterator[Worked]:
    """JAX's own events: a jaxpr is lowered, XLA compiles it."""
    from jax import config, monitoring

    worked, durations = Worked(0.0), []

    def heard(event: str, seconds: float, **_: Any) -> None:
        if event in COMPILES:
            durations.append(seconds)

    monitoring.register_event_duration_secs_listener(heard)
    try:
        yield worked
    finally:
        monitoring.unregister_event_duration_listener(heard)
    worked.seconds = sum(durations, 0.0)
    if function is not None and not config.jax_compilation_cache_dir:
        worked.told = (
            "JAX keeps nothing compiled between processes here: jax_compilation_cache_dir names no folder."
        )


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Jaxpr of every node, by position, then jaxpr of the whole; with `whole`, HLO of each too."""
    import jax

    python = _generated(function)
    if python is None:
        yield NodeCode(None, "jaxpr", "", problem="the linker keeps no source of what JAX traced")
        return
    given = iter(arguments)
    values = [
        container.storage[0] if spec.shared else next(given)
        for spec, container in zip(function.maker.inputs, function.input_storage, strict=True)
    ]
    _, written = definition(python)
    names = [argument.arg for argument in written.args.args]
    environment = {**python.__globals__, **dict(zip(names, values, strict=True))}
    for position, statement in enumerate(written.body[:-1]):
        yield _node(jax, position, statement, environment)
    yield NodeCode(None, "jaxpr", str(jax.make_jaxpr(python)(*values)))
    if whole:
        yield from _hlo(jax, python, values)


def _generated(function: Any) -> Any:
    """The Python function that JAX traced; PyTensor may put one in front that makes shapes static."""
    traced = function.vm.jit_fn
    cells = getattr(traced, "__closure__", None) or ()
    for candidate in (traced, *(cell.cell_contents for cell in cells)):
        python = getattr(candidate, "__wrapped__", None)
        if hasattr(python, "__source__"):
            return python
    return None


def _node(jax: Any, position: int, statement: ast.stmt, environment: dict[str, Any]) -> NodeCode:
    """Jaxpr of one statement; then runs it, for those that follow."""
    problem, text = "", ""
    if (call := called(statement)) is not None:
        try:
            name, expressions = call
            arguments = [eval(ast.unparse(expression), environment) for expression in expressions]
            text = str(jax.make_jaxpr(environment[name])(*arguments))
        except Exception as refusal:  # shapes that must be static, generators, callbacks …
            problem = f"JAX does not trace it alone: {type(refusal).__name__}"
    try:
        _execute(ast.Module([statement], []), environment)
    except Exception as failure:
        problem = problem or f"it does not run outside the whole: {type(failure).__name__}"
    return NodeCode(position, "jaxpr", text, problem=problem)


def _execute(module: ast.Module, environment: dict[str, Any]) -> None:
    exec(compile(ast.fix_missing_locations(module), "<generated>", "exec"), environment)


def _hlo(jax: Any, python: Any, arguments: Sequence[Any]) -> Iterator[NodeCode]:
    """Compiled HLO: each node's own instructions, and the whole."""
    module, scoped = definition(python)
    *nodes, last = scoped.body
    scoped.body = [*(_in_scope(statement, position) for position, statement in enumerate(nodes)), last]
    environment = {**python.__globals__, SCOPE: jax.named_scope}
    _execute(module, environment)
    try:
        text = jax.jit(environment[scoped.name]).lower(*arguments).compile().as_text()
    except Exception as refusal:  # as above
        yield NodeCode(None, "hlo", "", problem=f"JAX does not lower it: {type(refusal).__name__}")
        return
    lines = text.splitlines()
    for position in range(len(nodes)):
        own = [line.strip() for line in lines if f"/node{position}/" in line]
        problem = "" if own else "nothing of it is left in the compiled code"
        yield NodeCode(position, "hlo", "\n".join(own), problem=problem)
    yield NodeCode(None, "hlo", text)


def _in_scope(statement: ast.stmt, position: int) -> ast.stmt:
    call = ast.parse(f"{SCOPE}('node{position}')", mode="eval").body
    return ast.With([ast.withitem(call)], [statement])
