"""The one way in: ``graphs COMMAND …``, ``python -m graphs COMMAND …`` and ``scripts/run COMMAND …``."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from graphs.commands.ending import run
from graphs.commands.options import COMMANDS, command_missing, parse
from graphs.commands.streams import open_streams
from graphs.foreign import quoted
from graphs.interruption import raise_on_signals

__all__ = ["enter"]


def enter(*command: str) -> NoReturn:
    """Do what the command line, put behind `command`, asks for and leave the process (see ending.py)."""
    open_streams()
    arguments = [*command, *sys.argv[1:]]
    name = arguments[0] if arguments and arguments[0] in COMMANDS else "graphs"
    run(name, lambda: _call(arguments))


def _call(arguments: list[str]) -> int:
    if not arguments or not (arguments[0] in COMMANDS or arguments[0].startswith("-")):
        raise command_missing(quoted(arguments[0]) if arguments else "none")
    given = parse(arguments)
    # Only now what the command needs: its help has been shown without NumPy and PyTensor.
    module = importlib.import_module(f"graphs.commands.{given.command}")
    raise_on_signals(given.command)  # until here there was nothing to clear away
    del given.command
    code: int = module.main(given)
    return code
