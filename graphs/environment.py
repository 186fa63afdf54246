"""The machine around PyTensor: a compile folder it can write, rewrites that fire, a stamp for results.

``import graphs`` imports this file and settles the compile folder before anything imports PyTensor, and is to take
no time: what takes some to import is imported in the functions that need it.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DEFAULT_MODE",
    "base_compile_folder",
    "drop_odd_thread_counts",
    "own_warnings_only",
    "prepare_compile_folder",
    "settings_file",
    "stabilizing_rewrites_fire",
    "stamp",
    "take_native_from_flags",
    "usable_cores",
]

DEFAULT_MODE = "GRAPHS_DEFAULT_MODE"  # names the mode that graphs.native makes PyTensor's default
PACKAGES = ("pytensor", "numpy", "scipy", "numba", "packaging", "rich")
ROOM = 2**16  # bytes that a folder for code must have
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def prepare_compile_folder() -> Path | None:
    """Give PyTensor a folder for compiled code where its default one cannot be written.

    Must run before the first ``import pytensor``, which otherwise fails under a read-only or
    missing home. A folder that the user names in ``PYTENSOR_FLAGS`` or ``.pytensorrc`` is left
    alone. Returns the folder put in place of the default, or None where none was needed.
    """
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "compiledir" in flags:
        return None
    home = os.path.expanduser(os.environ.get("HOME") or "~")
    with contextlib.suppress(OSError), open(f"{home}/.pytensorrc") as settings:
        if "compiledir" in settings.read():
            return None
    if os.name == "nt" or _can_hold_code(f"{home}/.pytensor"):
        return None
    folder = _private_folder()
    if folder is not None:
        os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, (flags, f"base_compiledir={folder}")))
    return folder


def settings_file() -> bool:
    """Whether there is a file from which PyTensor takes settings, beside ``PYTENSOR_FLAGS``."""
    named = os.environ.get("PYTENSORRC")
    return named is not None or os.name == "nt" or os.path.exists(os.path.expanduser("~/.pytensorrc"))


def base_compile_folder() -> Path:
    """PyTensor's ``base_compiledir``; without importing PyTensor where that is simple, for it takes a third of a second."""
    import sys
    from pathlib import Path

    flags = os.environ.get("PYTENSOR_FLAGS", "")
    home, quotes = os.environ.get("HOME"), set(flags) & set("\"'\\#")
    if "pytensor" in sys.modules or settings_file() or home is None or quotes:
        from pytensor.configdefaults import config

        return Path(config.base_compiledir)
    pairs = [flag.partition("=") for flag in flags.split(",")]
    named = [value.strip() for name, _, value in pairs if name.strip() == "base_compiledir"]
    return Path(named[-1]).expanduser() if named else Path(home) / ".pytensor"


def take_native_from_flags() -> None:
    """Take ``mode=NATIVE`` out of ``PYTENSOR_FLAGS``, which PyTensor refuses while it is imported.

    Must run before that. :mod:`graphs.native`, which makes the mode, puts it in place; ``GRAPHS_DEFAULT_MODE`` tells
    it to, and the processes that are started from this one.
    """
    flags = os.environ.get("PYTENSOR_FLAGS", "").split(",")
    others = [flag for flag in flags if flag.replace(" ", "").upper() != "MODE=NATIVE"]
    if len(others) < len(flags):
        os.environ["PYTENSOR_FLAGS"] = ",".join(others)
        os.environ[DEFAULT_MODE] = "NATIVE"


def _can_hold_code(folder: str) -> bool:
    """Whether a file can really be made there, and run; permissions alone do not tell (root, mounts, a full disk)."""
    probe = f"{folder}/.writable-{os.getpid()}"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(probe, "wb") as file:
            file.write(bytes(ROOM))
        noexec = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
    except OSError:
        noexec = 1
    with contextlib.suppress(OSError):  # a container that shares this home has such a process too
        os.unlink(probe)
    return not noexec


def _private_folder() -> Path | None:
    """A folder that nobody else can have put code into, below the temporary one or another such; None if none works."""
    from graphs import temporary

    for base in (None, *temporary.OTHERS):
        with contextlib.suppress(OSError):
            user = os.getuid() if hasattr(os, "getuid") else ""
            folder = temporary.private_folder(f"pytensor-{user}", base)
            if _can_hold_code(str(folder)):
                return folder
    return None


def drop_odd_thread_counts() -> None:
    """Say which variables that limit threads hold no number, and go on without them.

    Must run before the first ``import pytensor``, which otherwise fails where ``OMP_NUM_THREADS`` holds a list, as
    OpenMP allows; its first number is the one that matters here.
    """
    for name in THREAD_VARIABLES:
        given = os.environ.get(name)
        if given is None:
            continue
        counts = [count.strip() for count in given.split(",")]
        if all(
            count.isascii() and count.isdigit() and 0 < len(count) < 10 and int(count) for count in counts
        ):
            os.environ[name] = counts[0]
            continue
        del os.environ[name]
        if given.strip():
            from graphs.foreign import quoted

            text = f"{name}: found {quoted(given, 40)}; allowed: a whole number ≥ 1. It is taken as not set."
            warnings.warn_explicit(text, UserWarning, "graphs", 1)


# What each says is right, and nothing that a user of these tools can act on.
_NOT_TO_ACT_ON = (
    "PyTensor could not link to a BLAS",  # pip's PyTensor has none for its C code
    r"np\.dot\(\) is faster on contiguous",  # PyTensor 3.0's Numba code hands it a transposed array
    "Skipping Assert",  # JAX cannot trace an assertion about shapes
    "The given NumPy array is not writable",  # PyTorch, of constants that nobody writes to
)


@contextlib.contextmanager
def own_warnings_only() -> Iterator[None]:
    """Hide those warnings of PyTensor and its linkers that a user of these tools cannot act on."""
    with warnings.catch_warnings():
        for message in _NOT_TO_ACT_ON:
            warnings.filterwarnings("ignore", message=message)
        yield


def stabilizing_rewrites_fire() -> bool:
    """Whether ``log1p(−sigmoid(z))`` becomes ``−softplus(z)`` in this environment.

    PyTensor before 3.2 matches this pattern through packages that need ``packaging`` without
    declaring it. Where that is missing, every pattern rewrite silently stops firing, and the
    textbook cross-entropy overflows as it does in an eager framework. That one rewrite is run, and
    no other: all of them would take as long as a thousand steps of training.
    """
    import pytensor.tensor as pt
    from pytensor.graph.fg import FunctionGraph
    from pytensor.graph.rewriting.basic import dfs_rewriter
    from pytensor.tensor.rewriting.math import log1p_neg_sigmoid

    z = pt.dvector("z")
    fgraph = FunctionGraph([z], [pt.log1p(-pt.sigmoid(z))], clone=False)
    dfs_rewriter(log1p_neg_sigmoid).rewrite(fgraph)
    return any("softplus" in str(node.op).lower() for node in fgraph.apply_nodes)


def stamp(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Versions and machine, as plain data to stand beside a result.

    Parameters
    ----------
    packages : iterable of str
        Names of the distributions whose versions matter; those not installed are left out.

    Returns
    -------
    dict
        ``versions`` (python and packages), ``machine`` (system, cpu, cores usable by this
        process, blas of NumPy, thread settings).
    """
    import platform

    return {
        "versions": {"python": platform.python_version(), **_package_versions(packages)},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": _cpu_model() or platform.processor() or platform.machine(),
            "cores": usable_cores(),
            "blas": _numpy_blas(),
            "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        },
    }


def _package_versions(packages: Iterable[str]) -> dict[str, str]:
    from importlib import metadata

    named = _installed_versions()
    versions = {}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = named.get(package) or metadata.version(package)
    return versions


def _installed_versions() -> dict[str, str]:
    """Versions of what is installed, as the names of folders tell them; to read them out of files takes longer."""
    import re
    import sys

    found: dict[str, str] = {}
    for place in dict.fromkeys(sys.path):  # what comes first is imported
        here: dict[str, set[str]] = {}
        with contextlib.suppress(OSError):
            for name in os.listdir(place or "."):
                match = re.fullmatch(r"([a-z0-9_]+)-([0-9][\w.!+]*)\.dist-info", name)
                if match:
                    here.setdefault(match[1], set()).add(match[2])
        for name, versions in here.items():
            found.setdefault(name, versions.pop() if len(versions) == 1 else "")
    return found


def _cpu_model() -> str:
    """The processor's own name where Linux tells it (several report only "AMD EPYC")."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _numpy_blas() -> str:
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
