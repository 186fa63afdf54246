"""The options that spread a run over devices and processes: what they say, and the command lines of processes to start."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from graphs.errors import InputError, install_command
from graphs.foreign import quoted
from graphs.sharded.layout import Layout
from graphs.sharded.membership import Membership

__all__ = ["MODE", "as_arguments", "distribution"]

MODE = "JAX"


def distribution(asked: dict[str, Any]) -> tuple[Layout | None, Membership] | None:
    """Take what is said of devices and processes out of `asked`, and check it; None where nothing is.

    The mode becomes that of JAX, whose partitioner it is.
    """
    names = {"mesh", "processes", "coordinator", "process_id"} & asked.keys()
    if not names:
        return None
    given = {name: asked.pop(name) for name in names}
    if find_spec("jax") is None:
        remedy = f"{install_command('jax')} brings it"
        raise InputError(
            min(names), found="no JAX", allowed="devices and processes where it is installed", remedy=remedy
        )
    layout = Layout.of(given.pop("mesh")) if "mesh" in given else None
    membership = Membership(**given)
    membership.check()
    if layout is not None and membership.processes is not None:
        layout.check_processes(membership.processes)
    mode = asked.setdefault("mode", MODE)
    if not (isinstance(mode, str) and mode.upper() == MODE):
        raise InputError(
            "mode",
            found=f"{quoted(mode)} for devices and processes",
            allowed=f"{MODE}, whose partitioner deals the samples out",
            remedy="leave it out, or --mesh, --processes and --coordinator",
        )
    return layout, membership


def as_arguments(asked: Mapping[str, Any]) -> list[str]:
    """The options of a command line that says this."""
    arguments = []
    for name, value in asked.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif value is not None and value is not False:
            arguments.append(f"{option}={value}")
    return arguments
