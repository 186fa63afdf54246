"""What the bits of a run depend on beside its settings, and what of that is not as it was when the run goes on.

With mode NATIVE they depend on the processor, the versions and the C compiler, and on no number of threads; other
modes hand sums to libraries whose order follows the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from graphs.compiled.compiler import compiler_version
from graphs.environment import PACKAGES, stamp
from graphs.experiment.settings import Settings
from graphs.foreign import plain

__all__ = ["changes", "packages", "provenance"]

LARGEST = 2**20  # bytes of a settings.json
COMPILER = "C compiler"
NO_MATTER = ("rich",)  # what draws tables


class _Machine(msgspec.Struct):
    """What :func:`graphs.environment.stamp` says of a machine."""

    system: str
    cpu: str
    cores: int
    blas: str
    threads: dict[str, str]


class _Begun(msgspec.Struct):
    """What settings.json says of where a run began; what else stands in it is for its reader."""

    versions: dict[str, str]
    machine: _Machine


def packages(settings: Settings) -> tuple[str, ...]:
    """Names of the packages that compute a run with these settings."""
    return (*PACKAGES, "jax", "jaxlib") if settings.mode.upper() == "JAX" else PACKAGES


def provenance(settings: Settings) -> dict[str, Any]:
    """Versions and machine, as plain data to stand beside the settings of a run that begins."""
    now = stamp(packages(settings))
    if settings.mode.upper() == "NATIVE":
        now["versions"][COMPILER] = compiler_version()
    return now


def changes(path: Path, settings: Settings) -> str:
    """What has changed since the run whose settings.json is `path` began, in one sentence; empty if nothing has."""
    now = provenance(settings)
    try:
        if not path.is_file():
            raise FileNotFoundError(path)
        with path.open("rb") as stream:
            begun = msgspec.json.decode(stream.read(LARGEST), type=_Begun)
    except (OSError, ValueError, RecursionError):
        return "settings.json does not tell with what this run began; if that was something else, its last digits differ"
    differences = [f"{what} {before} (here {here})" for what, before, here in _differences(begun, now)]
    if not differences:
        return ""
    return (
        f"this run began with {', '.join(differences)}; it goes on, and its last digits may differ from "
        "those of a run without a stop"
    )


def _differences(begun: _Begun, now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    versions, machine = now["versions"], now["machine"]
    pairs: list[tuple[str, Any, Any]]
    pairs = [(name, begun.versions.get(name, "unknown"), versions[name]) for name in versions]
    pairs += [(name, getattr(begun.machine, name), machine[name]) for name in ("system", "cpu", "blas")]
    if not versions.get(
        COMPILER
    ):  # another mode; NATIVE too runs in PyTensor's default one without a compiler
        pairs.append(("cores", begun.machine.cores, machine["cores"]))
        for name in sorted({*begun.machine.threads, *machine["threads"]}):
            pairs.append(
                (name, *(them.get(name, "not set") for them in (begun.machine.threads, machine["threads"])))
            )
    for name, before, here in pairs:
        if before != here and name not in NO_MATTER:
            yield plain(name, 40), plain(before or "none", 80), plain(here or "none", 80)
