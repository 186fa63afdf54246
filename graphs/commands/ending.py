"""How every command ends: exit codes and one-sentence errors instead of tracebacks.

=====  =====================================================================
0      done
1      the work could not be done: diverged, disk full, out of memory
2      bad input, refused before any work
130    interrupted (SIGINT); 143: terminated (SIGTERM); 129: its terminal closed
=====  =====================================================================
"""

from __future__ import annotations

import atexit
import errno
import gc
import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from graphs.commands.streams import output_lost
from graphs.environment import own_warnings_only
from graphs.errors import InputError
from graphs.foreign import plain
from graphs.interruption import Interrupted, ignore_signals, leave_on_signals, received

__all__ = ["reason", "run"]

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows knows no quota

LONGEST = 4000  # characters of a sentence; a refusal has four parts of 1,000 at most


def run(name: str, main: Callable[[], int]) -> NoReturn:
    """Call `main` and leave the process with its exit code, or with that of the error it raised.

    Every error begins with the command's `name`.
    """
    leave_on_signals(name)
    atexit.register(ignore_signals)  # the first that is registered is the last that is done
    problem = ""
    try:
        with own_warnings_only():
            warnings.showwarning = _teller(name)
            code = _answered(main)
    except SystemExit as left:  # after --help, say
        code = left.code if isinstance(left.code, int) else 0
    except Interrupted as interrupted:
        code = _say(name, f"{interrupted}.", 128 + interrupted.signal)
    except InputError as error:
        code = _say(name, str(error), 2)
    except KeyboardInterrupt:
        code = _say(name, "interrupted.", 130)
    except BrokenPipeError:  # the reader of our output left, as `head` does; nobody to tell
        code = 1
    except MemoryError as error:
        code = _say(name, f"out of memory ({error}); take fewer samples or features, or float32.", 1)
    except OSError as error:
        code, problem = 1, _os_error(error)
    lost = output_lost()
    if lost is not None:
        code = code or 1  # however much of it stood in a buffer when the reader left
    if lost:
        problem = f"the output could not be written ({lost})."
    if problem:
        _say(name, problem, code)
    leave_on_signals(name, code)
    gc.freeze()  # what is left dies with the process; looking through all of it once more takes a tenth of a second
    sys.exit(code)


def _answered(main: Callable[[], int]) -> int:
    """What `main` returns; after a signal any error is that signal's: it may come back under another name."""
    try:
        return main()
    except Exception as error:
        if received():
            raise Interrupted(received()) from error
        raise


def _teller(name: str) -> Callable[..., Any]:
    """Tells a user what was found, once, and not on which line of ours."""
    say_once = cache(lambda message: _say(name, message, 0))
    return lambda message, *_, **__: say_once(str(message))


def reason(error: Exception) -> str:
    """Why something could not be done, in a few words and without the name of what it was."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError):
        return "the disk is full; free some room" if error.errno in FULL else plain(error.strerror or error)
    return plain(f"{type(error).__name__}: {error}")


def _os_error(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else " a file"
    if error.errno in FULL:
        return f"the disk is full:{where} was not written; what stood there before is whole. Free some room."
    return f"{error.strerror or error}:{where} could not be used."


def _say(name: str, what: str, code: int) -> int:
    print(f"{name}: {plain(what, LONGEST)}", file=sys.stderr)
    return code
