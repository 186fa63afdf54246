"""Rows on the devices of a mesh: each process reads those of its own devices, and no others.

m = d·⌈n/d⌉ rows stand for n samples on d devices; those behind the n are zeros and count for nothing
(:mod:`graphs.rewrites.padding`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from graphs.sharded.layout import Layout

__all__ = ["FEATURES", "SAMPLES", "Rows", "mesh_of", "real_rows", "rows", "spread"]

SAMPLES, FEATURES = "samples", "features"  # the axes of a mesh


class Source(Protocol):
    """What rows are read from: an array, or one in files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, …)."""

    def __getitem__(self, place: Any) -> Any:
        """Rows, by a slice."""


@dataclass(frozen=True, eq=False)
class Rows:
    """An array with a row for each sample, on many devices."""

    values: Any  # jax.Array, shape (m, …): rows of zeros behind the samples
    samples: int  # n

    def __len__(self) -> int:
        return self.samples

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the samples."""
        return (self.samples, *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the array."""
        dtype: np.dtype[Any] = np.dtype(self.values.dtype)
        return dtype


def mesh_of(layout: Layout | Mesh | int | str | None = None) -> Mesh:
    """A mesh of the devices there are, those of every process, by this layout; default: all for the samples.

    Raises
    ------
    InputError
        If there are not so many devices.
    """
    if isinstance(layout, Mesh):
        if layout.axis_names == (SAMPLES, FEATURES):
            return layout
        raise _no_mesh(f"a Mesh with the axes {', '.join(map(str, layout.axis_names))}")
    devices = jax.devices()
    wanted = Layout.of(len(devices) if layout is None else layout)
    per_process = wanted.check_processes(jax.process_count())
    if wanted.devices > len(devices):
        raise _no_mesh(f"{wanted.devices} devices, where JAX has {len(devices)} ({devices[0].platform})")
    # As many of every process: of a process without one, nothing would be known.
    chosen = [
        d
        for k in range(jax.process_count())
        for d in [d for d in devices if d.process_index == k][:per_process]
    ]
    return Mesh(np.array(chosen).reshape(wanted.samples, wanted.features), (SAMPLES, FEATURES))


def _no_mesh(found: str) -> Exception:
    from graphs.errors import InputError

    return InputError(
        "mesh",
        found=found,
        allowed=f"devices there are, along the axes {SAMPLES} and {FEATURES}",
        remedy='a processor counts as several with jax.config.update("jax_num_cpu_devices", n) before JAX starts',
    )


def spread(mesh: Mesh, *axes: str | None) -> NamedSharding:
    """Where the parts of an array are whose axes are split so; without any, whole on every device."""
    return NamedSharding(mesh, PartitionSpec(*axes))


def rows(
    mesh: Mesh,
    source: Source,
    dtype: Any,
    *,
    checked: Callable[[int, NDArray[Any]], NDArray[Any]] = lambda first, block: block,
) -> Rows:
    """Read what the devices of this process hold of `source`.

    Parameters
    ----------
    mesh : Mesh
    source : array, or what has a shape and gives rows by a slice
        Shape (samples,) or (samples, features); of a matrix, columns are split too where the mesh has an axis for it.
    dtype : dtype
        Converted into, one device's part after the other.
    checked : callable
        Called with the number of the first row and the rows read; what it returns is taken.
    """
    samples = source.shape[0]
    parts = mesh.shape[SAMPLES]
    padded = parts * -(-samples // parts)
    split = (SAMPLES, FEATURES)[: len(source.shape)]

    def part(place: Sequence[slice]) -> NDArray[Any]:
        first, last, _ = place[0].indices(padded)
        found = np.zeros(
            (last - first, *(_length(s, n) for s, n in zip(place[1:], source.shape[1:], strict=True))), dtype
        )
        here = min(last, samples) - first
        if here > 0:
            found[:here] = checked(first, np.asarray(source[first : first + here]))[(slice(None), *place[1:])]
        return found

    # As jax.make_array_from_process_local_data, but a part at a time: a process never holds its rows twice.
    values = jax.make_array_from_callback((padded, *source.shape[1:]), spread(mesh, *split), part)
    return Rows(values, samples)


def _length(place: slice, whole: int) -> int:
    first, last, _ = place.indices(whole)
    return last - first


def real_rows(mesh: Mesh, padded: int, samples: int) -> Any:
    """Which rows are samples: a bool array of shape (m,)."""

    def part(place: Sequence[slice]) -> NDArray[np.bool_]:
        return np.arange(*place[0].indices(padded)) < samples

    return jax.make_array_from_callback((padded,), spread(mesh, SAMPLES), part)
