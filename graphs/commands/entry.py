"""The one way in: ``graphs COMMAND …``, ``python -m graphs COMMAND …`` and ``scripts/run COMMAND …``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from graphs.commands.ending import run
from graphs.commands.options import COMMANDS, parser
from graphs.errors import InputError

__all__ = ["enter", "main"]


def main() -> NoReturn:
    """Do what the command line asks for and leave the process."""
    enter(sys.argv[1:])


def enter(arguments: Sequence[str]) -> NoReturn:
    """Run a command and leave the process with its exit code (see :mod:`graphs.commands.ending`).

    Parameters
    ----------
    arguments : sequence of str
        The command's name and its options.
    """
    command = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    run(command or "graphs", lambda: _call(arguments, command))


def _call(arguments: Sequence[str], command: str) -> int:
    if not command and not (arguments and arguments[0].startswith("-")):
        raise InputError(
            "command",
            found=repr(arguments[0]) if arguments else "none",
            allowed=", ".join(COMMANDS),
            remedy="graphs --help tells what each does",
        )
    given: argparse.Namespace = parser().parse_args(arguments)
    del given.command
    # Only now what the command needs: the help has been shown without NumPy and PyTensor.
    code: int = importlib.import_module(f"graphs.commands.{command}").main(given)
    return code
