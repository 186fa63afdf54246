"""JAX: a pure step function, run op by op, compiled, or compiled together with its loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from graphs import temporary
from graphs.peers.contract import Data, StepCount, Training

__all__ = ["build"]

# JAX computes in float32 unless told otherwise, before its first array.
jax.config.update("jax_enable_x64", True)

Array: TypeAlias = jax.Array
Parameters: TypeAlias = tuple[Array, Array]


# --- formula: textbook
def textbook(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """Probability of 1 and cross-entropy, as on paper."""
    p_1 = 1 / (1 + jnp.exp(-(x @ w) - b))
    xent = -y * jnp.log(p_1) - (1 - y) * jnp.log(1 - p_1)
    return p_1, xent


# --- formula: logits
def logits(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """The same from the logits z; `jax.nn.softplus` is logaddexp(z, 0), exact on both sides."""
    z = x @ w + b
    return jax.nn.sigmoid(z), jax.nn.softplus(z) - y * z


# --- end


class JaxTraining(Training):
    """The experiment in JAX; `how` is ``op by op``, ``jit`` or ``loop``."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        dtype = data.x.dtype
        # --- declare
        self.x = jnp.asarray(data.x)
        self.y = jnp.asarray(data.y, dtype)
        self.w_and_b = (jnp.asarray(data.initial_w), jnp.asarray(data.initial_b, dtype))
        # --- end
        self.formula = {"textbook": textbook, "logits": logits}[formula]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.how = how
        self.run_step: Any = self.step if how == "op by op" else jax.jit(self.step)
        self.run_loop = jax.jit(self.loop)

    def cost(self, w_and_b: Parameters, x: Array, y: Array) -> tuple[Array, tuple[Array, Array]]:
        """The cost, and beside it prediction and xent."""
        w, b = w_and_b
        # --- formula
        p_1, xent = self.formula(x, y, w, b)
        cost = xent.mean() + self.weight_decay * (w**2).sum()
        # --- end
        return cost, (p_1 > 0.5, xent)

    def step(self, w_and_b: Parameters, x: Array, y: Array) -> tuple[Parameters, Array, Array]:
        """One step as a pure function: parameters in, parameters out."""
        # --- gradient
        gradients, (prediction, xent) = jax.grad(self.cost, has_aux=True)(w_and_b, x, y)
        # --- update
        w_and_b = jax.tree.map(lambda p, g: p - self.learning_rate * g, w_and_b, gradients)
        # --- end
        return w_and_b, prediction, xent

    def loop(self, w_and_b: Parameters, x: Array, y: Array, steps: int) -> tuple[Parameters, Array, Array]:
        """`steps` steps as one compiled loop; `steps` is traced, so another number is no retrace."""
        first = self.step(w_and_b, x, y)
        # --- loop: compiled
        w_and_b, prediction, xent = jax.lax.fori_loop(
            1, steps, lambda _, state: self.step(state[0], x, y), first
        )
        # --- end
        return w_and_b, prediction, xent

    def train(self) -> tuple[Array, Array]:
        if self.how == "loop":
            return self.train_many(1)
        self.w_and_b, prediction, xent = self.run_step(self.w_and_b, self.x, self.y)
        return prediction, xent

    def train_many(self, steps: int) -> tuple[Array, Array]:
        if self.how == "loop":
            self.w_and_b, prediction, xent = self.run_loop(self.w_and_b, self.x, self.y, steps)
            return prediction, xent
        return super().train_many(steps)

    def parameters(self) -> tuple[NDArray[Any], float]:
        w, b = self.w_and_b
        return np.array(w), float(b)

    def wait(self) -> None:
        """Until w and b are there: op by op, they come after the results."""
        jax.block_until_ready(self.w_and_b)

    def _count_profiled(self) -> StepCount:
        """One step under the profiler; what its programs return is read off the jaxpr."""
        jaxpr = jax.make_jaxpr(self.step)(self.w_and_b, self.x, self.y).jaxpr
        made = [variable.aval for equation in jaxpr.eqns for variable in equation.outvars]
        self.train()
        self.parameters()  # nothing is under way when the profiler starts
        programs, kernels = _executions(lambda: (self.train(), self.parameters()))
        how = "programs that XLA ran for the step and their kernels, by JAX's profiler; "
        if not programs:  # its events have other names in other versions
            programs, kernels = len(jaxpr.eqns), _primitives(jaxpr)
            how = "equations of the step's jaxpr, not what was really dispatched; "
        return StepCount(
            dispatches=programs,
            ops=kernels,
            temporaries=len(made),
            bytes=sum(math.prod(aval.shape) * aval.dtype.itemsize for aval in made),
            how=how + "arrays: the results of the jaxpr's equations",
        )

    def gradient(self) -> dict[str, str]:
        """The jaxpr of the gradient, and the HLO that XLA makes of the whole step."""
        jaxpr = jax.make_jaxpr(jax.grad(self.cost, has_aux=True))(self.w_and_b, self.x, self.y)
        texts = {"jaxpr": str(jaxpr)}
        if self.how != "op by op":
            texts["optimised HLO"] = self._compiled().as_text()
        return texts

    def _compiled(self) -> Any:
        if self.how == "loop":
            return self.run_loop.lower(self.w_and_b, self.x, self.y, 2).compile()
        return self.run_step.lower(self.w_and_b, self.x, self.y).compile()

    def count(self) -> StepCount:
        """Programs and kernels that the profiler saw run, or instructions of the compiled step."""
        if self.how == "op by op":
            return self._count_profiled()
        compiled = jax.jit(self.step).lower(self.w_and_b, self.x, self.y).compile()
        memory = compiled.memory_analysis()
        return StepCount(
            dispatches=1,
            ops=_kernels(compiled.as_text()),
            temporaries=None,
            bytes=memory.temp_size_in_bytes + memory.output_size_in_bytes,
            how="instructions of the step's optimised HLO entry computation; XLA's own memory analysis",
        )


def _executions(step: Callable[[], object]) -> tuple[int, int]:
    """Programs that XLA was asked to run during `step`, and kernels of theirs; both from JAX's profiler."""
    with temporary.folder("jax") as folder:
        with jax.profiler.trace(folder):
            step()
        (written,) = folder.rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(written)).planes
        names = [event.name for plane in planes for line in plane.lines for event in line.events]
    programs = sum(name.endswith("::ExecuteHelperOnSingleDevice") for name in names)
    return programs, sum(name.startswith("end: ") for name in names)


def _primitives(jaxpr: Any) -> int:
    """Equations, those inside called jaxprs counted instead of the call."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [value for value in equation.params.values() if hasattr(value, "eqns")]
        inner += [value.jaxpr for value in equation.params.values() if hasattr(value, "jaxpr")]
        total += sum(map(_primitives, inner)) if inner else 1
    return total


def _kernels(hlo: str) -> int:
    """Instructions of the entry computation that compute something."""
    entry = hlo[hlo.index("\nENTRY ") :].split("\n}", 1)[0].splitlines()[2:]
    free = (" parameter(", " tuple(", " get-tuple-element(", " bitcast(", " constant(")
    return sum(1 for line in entry if " = " in line and not any(word in line for word in free))


build = JaxTraining
