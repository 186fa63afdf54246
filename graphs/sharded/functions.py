"""Graph + update pairs + mesh → train, predict and evaluate whose samples are on many devices.

PyTensor rewrites the graph, as for its mode JAX; the padding of uneven rows is one rewrite more; then the FunctionGraph
becomes a Python function that JAX traces, and XLA's partitioner (GSPMD; Xu et al., 2021) makes of it the program of each
device, with an all-reduce where a sum goes over the samples. ``pytensor.function`` is not called on sharded arrays: it
would make NumPy arrays of them.

The state is on the devices, and only there: what `read` gives and `write` puts. It is donated at every call, and many steps
are one compiled loop.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify, jax_typify
from pytensor.link.utils import fgraph_to_python
from pytensor.tensor.math import Dot

from graphs.data import real_numbers
from graphs.environment import own_warnings_only
from graphs.errors import InputError, whole_number
from graphs.functions import ClassifierGraph, Functions, Stateful
from graphs.functions import compile_functions as compiled_functions
from graphs.rewrites.padding import NotPadded, Padded, padded
from graphs.sharded.layout import Layout
from graphs.sharded.partition import COUNTS, Partition, collectives, scope
from graphs.sharded.rows import FEATURES, SAMPLES, Rows, mesh_of, real_rows, rows, spread
from graphs.shards import Stored
from graphs.training import Calls, Entry, samples_for
from graphs.updates import UpdatePair

__all__ = ["ShardedFunctions", "compile_functions"]

Array = NDArray[Any]
MODE = "JAX"
SHOWN_STEPS = 2  # of the loop whose HLO is read: enough for XLA to keep it a loop


def compile_functions(
    graph: ClassifierGraph, updates: Sequence[UpdatePair], mesh: Layout | Mesh | int | str | None = None
) -> ShardedFunctions:
    """Compile `train`, `predict` and `evaluate` for samples that are split over the devices of `mesh`.

    Every process of a run calls it, with the same arguments, and calls its functions in the same order.

    Parameters
    ----------
    graph : LogisticGraph
        Or any that PyTensor's mode JAX can compile.
    updates : sequence of update pairs
        From :mod:`graphs.updates`. Their states begin at the shared Variables' values; those of the graph's other shared
        Variables are taken once, now.
    mesh : Mesh, Layout, int or str, optional
        ``4``: rows of x on 4 devices, parameters whole on each. ``2x2``: columns of x too, and with them the weights and
        all that has their shape. Default: all devices for the rows.

    Raises
    ------
    InputError
        If the graph cannot be compiled by JAX or its samples not be padded, there are not so many devices, or the
        features do not divide.
    """
    start = time.perf_counter()
    jax.config.update("jax_enable_x64", True)
    devices = mesh_of(mesh)
    compiled = compiled_functions(graph, updates, MODE)
    features = int(np.shape(graph.w.get_value(borrow=True))[0])
    Layout(*devices.devices.shape).check_features(features)
    return ShardedFunctions(compiled, devices, start)


@dataclass(frozen=True)
class _Traceable:
    """One function's graph, as Python that JAX traces: arguments of it, `real`, `samples`, then states and constants."""

    name: str
    padded: Padded
    python: Callable[..., tuple[Any, ...]]
    shared: tuple[Any, ...]  # in the order of the graph's inputs: the name of a state, or an array that stays
    updated: tuple[str, ...]  # the states of which the last outputs are the next values

    def __call__(
        self, state: Mapping[str, Any], data: Sequence[Any], real: Any, samples: Any
    ) -> tuple[Any, ...]:
        """All its outputs, those of the updates last."""
        shared = [state[each] if isinstance(each, str) else each for each in self.shared]
        return self.python(*data, *shared, real, samples)


def _traceable(function: Any, name: str, states: Collection[Any]) -> _Traceable:
    """A compiled function's graph; `states` are the shared Variables that `train` changes."""
    maker = function.maker
    fgraph: FunctionGraph = maker.fgraph
    shared = [spec.variable for spec in maker.inputs if spec.shared]
    arguments = len(maker.inputs) - len(shared)
    try:
        whole = padded(fgraph, fgraph.inputs[:arguments])
    except NotPadded as refusal:
        raise InputError(
            "graph",
            found=f"one whose rows cannot be padded ({refusal})",
            allowed="a cost of sums, means and products over the samples",
        ) from refusal
    updates = fgraph.update_mapping or {}
    visible = len(fgraph.outputs) - len(updates)
    if any(axis is not None for axis in whole.axes[visible:]):
        raise InputError(
            "updates", found="a state with an entry for each sample", allowed="states without one"
        )
    return _Traceable(
        name,
        whole,
        _python(whole.fgraph, name),
        tuple(each.name if each in states else jnp.asarray(each.get_value()) for each in shared),
        tuple(shared[updates[place] - arguments].name for place in range(visible, len(fgraph.outputs))),
    )


def _python(fgraph: FunctionGraph, name: str) -> Callable[..., tuple[Any, ...]]:
    """PyTensor's translation, with every node in a scope that says which it is."""
    position = {node: k for k, node in enumerate(fgraph.toposort())}

    def translated(op: Any, node: Any = None, **others: Any) -> Callable[..., Any]:
        code = _column_by_row if is_transposed_times_column(node) else jax_funcify(op, node=node, **others)

        def within(*inputs: Any) -> Any:
            with jax.named_scope(scope(name, position[node])):
                return code(*inputs)

        return within

    python = fgraph_to_python(fgraph, translated, type_conversion_fn=jax_typify, fgraph_name=name)
    return python  # type: ignore[no-any-return]  # follow_imports = skip


def is_transposed_times_column(node: Any) -> bool:
    """Whether a node is Xᵀ·r with a column r."""
    if node is None or not isinstance(node.op, Dot):
        return False
    left, right = node.inputs
    turned = left.owner is not None and getattr(left.owner.op, "new_order", None) == (1, 0)
    return turned and right.type.shape[1:] == (1,)


def _column_by_row(left: Any, right: Any) -> Any:
    """Xᵀ·r as (rᵀ·X)ᵀ, with the transposition of X undone: XLA's own Xᵀ·r on a CPU takes 13 times as long (20,000 × 784)."""
    return jnp.dot(right.T, left.T).T


class ShardedFunctions(Stateful):
    """The callables of :class:`graphs.functions.Functions`, whose samples and state are on the devices of a mesh.

    They take NumPy arrays of all samples, of which each process keeps its own rows, or what :meth:`place` made; they give
    NumPy arrays of all samples, in every process. For samples that are larger than that, `calls` and `measure` give what
    :func:`graphs.training.fit` asks for: numbers of which there are few.
    """

    def __init__(self, compiled: Functions, mesh: Mesh, start: float) -> None:
        self.graph, self.updates, self.mode = compiled.graph, compiled.updates, compiled.mode
        self.mesh = mesh
        self.takes_logarithms = compiled.takes_logarithms
        devices = mesh.devices.size
        self.linker = f"{compiled.linker}, sharded by XLA over {devices} device{'s' * (devices > 1)}"
        self._lock = threading.RLock()
        states = [shared for shared, _ in self.updates]
        with own_warnings_only():
            traceable = {
                name: _traceable(getattr(compiled, name), name, states)
                for name in ("train", "evaluate", "predict")
            }
        self._train, self._evaluate, self._predict = traceable.values()
        w = self.graph.w.get_value(borrow=True)
        self._shardings = {}
        for shared, _ in self.updates:
            split = np.shape(shared.get_value(borrow=True)) == w.shape
            self._shardings[shared.name] = spread(mesh, *(FEATURES,) * split)
        self._state: dict[str, Any] = {}
        self._placed: dict[tuple[int, int], Any] = {}
        self._put({shared.name: np.array(shared.get_value(borrow=True)) for shared, _ in self.updates})
        self.build_seconds = time.perf_counter() - start

    def stages(self) -> list[tuple[str, float]]:
        """As :meth:`graphs.functions.Functions.stages`: rewriting and tracing as one, for XLA compiles at the first call."""
        return [("build", self.build_seconds)]

    # --- the state

    def read(self) -> dict[str, Array]:
        """Copies of everything that `train` changes, by name, whole in every process."""
        with self._lock:
            return {
                shared.name: np.array(_everywhere(self._state[shared.name])) for shared, _ in self.updates
            }

    def _put(self, values: Mapping[str, Array]) -> None:
        with self._lock:
            for name, value in values.items():
                sharding = self._shardings[name]
                self._state[name] = jax.make_array_from_callback(
                    value.shape, sharding, lambda place, v=value: v[place]
                )

    # --- the samples

    def place(self, x: Any, y: Any) -> tuple[Rows, Rows]:
        """Samples and targets on the devices, checked: a process reads the rows of its own.

        Parameters
        ----------
        x, y : ndarray, or arrays in files (:class:`graphs.shards.Stored`)
            Shapes (samples, features) and (samples,).

        Raises
        ------
        InputError
            If they are none that the weights can be trained on; of arrays in files, as far as they are read here.
        """
        w = self.graph.w.get_value(borrow=True)
        if isinstance(x, Stored) and isinstance(y, Stored):
            if x.shape[1:] != w.shape[:1]:
                allowed = f"(samples, {len(w)}), as the weights"
                raise InputError("x", found=f"shards of shape {x.shape}", allowed=allowed)
            return (
                rows(self.mesh, x, self.graph.x.type.dtype, checked=x.checked),
                rows(self.mesh, y, self.graph.y.type.dtype, checked=y.checked),
            )
        if not (isinstance(x, Rows) and isinstance(y, Rows)):
            x, y = samples_for(w, x, y)
        return self._rows(x, self.graph.x), self._rows(y, self.graph.y)

    def _rows(self, given: Any, variable: Any) -> Rows:
        """An array on the devices; what is there stays."""
        if isinstance(given, Rows):
            return given
        axes = ("samples", "features")[: variable.type.ndim]
        array = real_numbers(variable.name, given, axes, kinds="fiub", finite=False)
        return rows(self.mesh, array, variable.type.dtype)

    def _real(self, placed: Rows) -> tuple[Any, Any]:
        """Which rows are samples, and how many."""
        padded_rows = placed.values.shape[0]
        key = (padded_rows, placed.samples)
        if key not in self._placed:
            self._placed = {key: real_rows(self.mesh, padded_rows, placed.samples)}
        return self._placed[key], np.int64(placed.samples)

    # --- the functions

    def train(self, x: Any, y: Any) -> list[Array]:
        """``[prediction, xent]``, both from before the step that it then takes."""
        predictions, xents = self.train_many(x, y, 1)
        return [predictions[0], xents[0]]

    def train_many(self, x: Any, y: Any, n: int) -> tuple[Array, Array]:
        """`n` steps in one call: what each returned, of shape (n, samples)."""
        placed = self._rows(x, self.graph.x), self._rows(y, self.graph.y)
        found = self._stepped(self._many, placed, whole_number("n", n, 1))
        predictions, xents = (_everywhere(each)[:, : placed[0].samples] for each in found)
        return predictions, xents

    def calls(self, x: Any, y: Any, n: int) -> Calls:
        """`n` steps in one call, and of each what the training loop asks."""
        placed = self._rows(x, self.graph.x), self._rows(y, self.graph.y)
        return Calls(*map(_everywhere, self._stepped(self._counted, placed, whole_number("n", n, 1))))

    def evaluate(self, x: Any, y: Any) -> list[Array]:
        """``[prediction, xent, cost, gw, gb]``, without a step."""
        x, y = self._rows(x, self.graph.x), self._rows(y, self.graph.y)
        with self._lock:
            found = self._evaluated(self._state, (x.values, y.values), *self._real(x))
        return self._cut(found, self._evaluate, x.samples)

    def predict(self, x: Any) -> Array:
        """The predictions."""
        x = self._rows(x, self.graph.x)
        with self._lock:
            found = self._predicted(self._state, (x.values,), *self._real(x))
        return self._cut(found, self._predict, x.samples)[0]

    def measure(self, x: Any, y: Any) -> Entry:
        """What an entry of the history holds of these samples."""
        x, y = self._rows(x, self.graph.x), self._rows(y, self.graph.y)
        with self._lock:
            found = self._measured(self._state, (x.values, y.values), *self._real(x))
        return Entry(*(float(_everywhere(each)) for each in found))

    def _stepped(self, function: Any, placed: tuple[Rows, Rows], n: int) -> Any:
        x, y = placed
        with self._lock:
            self._state, found = function(self._state, (x.values, y.values), *self._real(x), n)
        return found

    def _cut(self, found: Sequence[Any], function: _Traceable, samples: int) -> list[Array]:
        """The true rows of what has any."""
        kept = []
        for value, axis in zip(found, function.padded.axes, strict=True):
            whole = _everywhere(value)
            kept.append(whole if axis is None else whole[(slice(None),) * axis + (slice(samples),)])
        return kept

    # --- what is compiled

    def _step(
        self, state: dict[str, Any], data: Any, real: Any, samples: Any
    ) -> tuple[dict[str, Any], tuple[Any, Any]]:
        outputs = self._train(state, data, real, samples)
        new = dict(zip(self._train.updated, outputs[2:], strict=True))
        return {name: new[name] for name in state}, (outputs[0], outputs[1])

    def _loop(self, state: dict[str, Any], data: Any, real: Any, samples: Any, n: int) -> Any:
        return jax.lax.scan(lambda now, _: self._step(now, data, real, samples), state, length=n)

    @functools.cached_property
    def _many(self) -> Any:
        by_sample = spread(self.mesh, None, SAMPLES)
        out = (self._shardings, (by_sample, by_sample))
        return jax.jit(self._loop, static_argnums=4, donate_argnums=0, out_shardings=out)

    @functools.cached_property
    def _counted(self) -> Any:
        whole = spread(self.mesh)

        def counted(state: dict[str, Any], data: Any, real: Any, samples: Any, n: int) -> Any:
            state, (predictions, xents) = self._loop(state, data, real, samples, n)
            # After the loop, and over all steps at once: a step exchanges what its own sums need, and nothing for this.
            with jax.named_scope(COUNTS):
                perfect = ((predictions == data[1]) | ~real).all(axis=1)
                finite = (jnp.isfinite(xents) | ~real).all(axis=1)
                return state, (perfect, finite, jnp.where(real, xents, 0).sum(axis=1) / samples)

        out = (self._shardings, (whole, whole, whole))
        return jax.jit(counted, static_argnums=4, donate_argnums=0, out_shardings=out)

    @functools.cached_property
    def _evaluated(self) -> Any:
        return jax.jit(self._evaluate)

    @functools.cached_property
    def _predicted(self) -> Any:
        return jax.jit(self._predict)

    @functools.cached_property
    def _measured(self) -> Any:
        whole = spread(self.mesh)

        def measured(state: dict[str, Any], data: Any, real: Any, samples: Any) -> Any:
            prediction, xent, cost, gw = self._evaluate(state, data, real, samples)[:4]
            right = ((prediction == data[1]) & real).sum() / samples
            return cost, jnp.where(real, xent, 0).sum() / samples, right, jnp.sqrt(jnp.square(gw).sum())

        return jax.jit(measured, out_shardings=(whole,) * 4)

    # --- what the partitioner did

    def hlo(self, x: Any, y: Any) -> str:
        """The compiled HLO of a loop of training steps on such samples, as each device runs it."""
        x, y = self._rows(x, self.graph.x), self._rows(y, self.graph.y)
        lowered = self._counted.lower(self._state, (x.values, y.values), *self._real(x), SHOWN_STEPS)
        return str(lowered.compile().as_text())

    def partitioned(self, x: Any, y: Any) -> Partition:
        """What XLA's partitioner inserted into a loop of training steps on such samples, and for which nodes."""
        found = collectives(self.hlo(x, y), self._train.name)
        order = self.trained.toposort()
        nodes = {position: _written(order[position]) for each in found for position in each.nodes}
        devices = self.mesh.devices
        layout = Layout(*devices.shape)
        return Partition(
            str(layout), layout.devices, devices.flat[0].platform, jax.process_count(), found, nodes
        )

    def exchange(self, numbers: int) -> Callable[[int], object]:
        """What makes so many all-reduces of `numbers` float64 over the samples' devices, and nothing else; to be timed."""

        def loop(value: Any, n: int) -> Any:
            def once(now: Any, _: Any) -> Any:
                return jax.lax.psum(now, SAMPLES) / self.mesh.shape[SAMPLES], None

            return jax.lax.scan(once, value, length=n)[0]

        value = jax.make_array_from_callback(
            (numbers,), spread(self.mesh), lambda place: np.zeros(numbers)[place]
        )
        of_each = {"mesh": self.mesh, "in_specs": PartitionSpec(), "out_specs": PartitionSpec()}

        @functools.partial(jax.jit, static_argnums=1)
        def all_reduces(value: Any, n: int) -> Any:
            return jax.shard_map(functools.partial(loop, n=n), check_vma=False, **of_each)(value)

        return lambda n: jax.block_until_ready(all_reduces(value, n))

    @property
    def trained(self) -> FunctionGraph:
        """The graph of `train` as it runs: nodes are named by their places in its ``toposort()``."""
        return self._train.padded.fgraph


def _written(node: Any) -> str:
    """A node with what goes into it, one Op deep."""
    inputs = [v.name or (str(v.owner.op) if v.owner is not None else str(v)) for v in node.inputs]
    return f"{node.op}({', '.join(inputs)})"


def _everywhere(value: Any) -> Array:
    """A NumPy array of the whole, in every process."""
    if value.is_fully_addressable or value.is_fully_replicated:
        return np.asarray(value)
    return np.asarray(multihost_utils.process_allgather(value, tiled=True))
