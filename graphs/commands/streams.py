"""What a command writes to: a terminal that knows few letters, a full disk, a stream that somebody closed.

Python leaves None where a stream was closed, ends in a traceback where an encoding lacks a character, and in an exit
code of its own where the last line could not be written. A command shows what it can and says what it could not.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator

__all__ = ["open_streams", "output_lost"]

SPELLED = {
    **dict.fromkeys("─━═╌╴╸╶╺−–⁻", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┡┩╇", "+"),
    **dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)),
    **{raised: f"^{digit}" for raised, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)},
    **{
        "·": "*",
        "×": "x",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "←": "<-",
        "⟵": "<-",
        "…": "...",
        "‖": "||",
    },
    **{"ᵀ": "^T", "Σ": "sum ", "∂": "d", "η": "eta", "λ": "lambda", "θ": "theta", "α": "alpha", "β": "beta"},
    **{"σ": "sigmoid", "µ": "u", "μ": "u", "█": "#", "•": "*", "�": "?"},  # both kinds of mu
}


def open_streams() -> None:
    r"""Make the standard streams able to take whatever a command writes to them.

    What an encoding lacks is spelled out: ``->`` for an arrow, ``\u6f22`` for what has no such spelling. A stream
    that was closed is opened anew, so that no file of ours takes its number: an output where every write fails,
    as it did, and an error stream that nobody reads.
    """
    codecs.register_error("spelled", _spelled)
    # In this order, for each takes the lowest number that is free.
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Stream(sys.stdout)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Deaf(sys.stderr)


class _Stream(io.TextIOWrapper):
    """A stream in place of a given one; it knows every character, and what became of the writing."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream  # whose end would close what both write to
        self.failed: OSError | None = (
            None  # the first failure; Python forgets it where nobody catches it at once
        )
        buffered = stream.line_buffering
        super().__init__(stream.buffer, encoding=stream.encoding, errors="spelled", line_buffering=buffered)

    def write(self, text: str) -> int:
        with self._noted():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._noted():
            super().flush()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failed = self.failed or error
            raise


class _Deaf(_Stream):
    """An error stream: where nobody can be told, the work goes on."""

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            yield


def output_lost() -> str | None:
    """Why what was printed could not be written: None where all of it was, empty where its reader wanted no more.

    Afterwards nothing is left that Python would try to write at its end.
    """
    try:
        sys.stdout.flush()
        error = getattr(sys.stdout, "failed", None)
    except OSError as failed:
        error = failed
    if error is None:
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return "" if isinstance(error, BrokenPipeError) else str(error.strerror or error)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    words = (SPELLED.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking)
    return "".join(words), error.end
