"""Modules imported while something else is done: C steps hold no lock of Python's, so another core can import meanwhile."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading

__all__ = ["import_ahead"]

QUICK = 1e-4  # seconds
_turn = threading.Lock()  # who restores the interval has found the one that was there


def import_ahead(*modules: str) -> None:
    """Begin to import modules that are needed later; who imports one then waits for it.

    What cannot be imported is not said here: whoever needs it will say it.
    """
    wanted = [module for module in modules if module not in sys.modules]
    if wanted:
        with contextlib.suppress(RuntimeError, MemoryError):  # no more threads are to be had
            # No daemon: at the interpreter's end it is waited for, as nothing can end an import safely.
            threading.Thread(target=_import, args=(wanted,), name="imports ahead").start()


def _import(modules: list[str]) -> None:
    # A step is shorter than the 5 ms for which a thread may keep others from Python: they would wait for it all the time.
    with _turn:
        before = sys.getswitchinterval()
        sys.setswitchinterval(QUICK)
        try:
            for module in modules:
                with contextlib.suppress(BaseException):
                    importlib.import_module(module)
        finally:
            sys.setswitchinterval(before)
