"""Finding a C compiler and running it."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from graphs.errors import install_command

__all__ = ["Compilation", "Compiler", "CompilerMissing", "compile_text", "find_compiler"]

# Contraction would make x*x - x*x differ from 0; products in dots ask for it themselves. Neither errno
# nor floating-point traps are looked at, and giving them up costs no NaN or infinity.
FLAGS = [
    "-std=gnu11",
    "-O2",
    "-march=native",
    "-fPIC",
    "-shared",
    "-Wl,-Bsymbolic",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fwrapv",
]
THREADS: tuple[tuple[str, ...], ...] = (("-fopenmp",), ("-fopenmp-simd",), ())
REMEDY = f"install gcc or clang, or `{install_command('native')}`, which brings ziglang, a C compiler"


class CompilerMissing(Exception):
    """No C compiler, or one that does not work; the message says what to install."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler.

    Attributes
    ----------
    command : tuple of str
        How it is started.
    identity : str
        Changes when another version is installed; found without starting it.
    """

    command: tuple[str, ...]
    identity: str


@functools.cache
def find_compiler() -> Compiler:
    """The compiler named in ``CC``, else gcc, clang, cc, else the package ``ziglang``.

    Raises
    ------
    CompilerMissing
        If there is none.
    """
    named = os.environ.get("CC", "")
    for candidate in [named] if named else ["gcc", "clang", "cc"]:
        words = shlex.split(candidate)
        found = shutil.which(words[0])
        if found:
            real = Path(found).resolve()
            state = real.stat()
            return Compiler((found, *words[1:]), f"{real} {words[1:]} {state.st_size} {state.st_mtime_ns}")
    if util.find_spec("ziglang") and not named:
        from importlib import metadata

        command = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
        return Compiler(command, f"ziglang {metadata.version('ziglang')}")
    raise CompilerMissing(
        f"{'CC names ' + named + ', which is not there' if named else 'there is no C compiler'}: {REMEDY}"
    )


@functools.cache
def processor() -> str:
    """What -march=native depends on, as a short digest."""
    text = platform.machine() + platform.processor()
    try:
        with open("/proc/cpuinfo") as stream:
            kept = [
                line for line in stream if line.startswith(("model name", "flags", "Features", "CPU part"))
            ]
        text += "".join(sorted(set(kept)))
    except OSError:
        pass
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def toolchain() -> str:
    """Everything beside the text that the compiled bytes depend on."""
    return "\n".join(
        (find_compiler().identity, " ".join(FLAGS), extra_flags(), processor(), platform.platform())
    )


def extra_flags() -> str:
    """More compiler flags from the environment (sanitizers, debugging)."""
    return os.environ.get("GRAPHS_NATIVE_CFLAGS", "")


def compile_text(text: str) -> bytes:
    """A shared library made from C text.

    Raises
    ------
    CompilerMissing
        If there is no compiler, or it refuses the text even without threads.
    """
    return Compilation(text).library()


class Compilation:
    """A compiler at work on a C text, while Python goes on with something else.

    Parameters
    ----------
    text : str
        A C file.

    Raises
    ------
    CompilerMissing
        If there is no compiler, or it does not start.
    """

    def __init__(self, text: str) -> None:
        self.compiler = find_compiler()
        self.text, self.made_in = text, os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="graphs-native-"))
        self.running: list[subprocess.Popen[bytes]] = []
        # Also where nobody ever asks for the library: nothing is left running or lying about.
        self.end = weakref.finalize(self, _end, self.folder, self.running, self.made_in)
        (self.folder / "step.c").write_text(text)
        self.start(THREADS[0])

    def start(self, threads: Sequence[str]) -> None:
        """Start the compiler with these flags for threads."""
        command = [
            *self.compiler.command,
            *FLAGS,
            *threads,
            *shlex.split(extra_flags()),
            *(str(self.folder / "step.c"), "-o", str(self.folder / "step.so"), "-lm"),
        ]
        try:
            with (self.folder / "messages").open("wb") as messages:
                # In a session of its own: Ctrl-C asks Python to stop, who knows whether to stop this too.
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=messages,
                    start_new_session=True,
                )
        except OSError as failure:
            self.end()
            raise self.missing(f"does not run ({failure})") from None
        self.running[:] = [process]

    def missing(self, what: str) -> CompilerMissing:
        """The error that says what the compiler did."""
        return CompilerMissing(f"{self.compiler.command[0]} {what}: {REMEDY}")

    def is_done(self) -> bool:
        """Whether the compiler has ended, or is no child of this process."""
        return os.getpid() != self.made_in or self.running[0].poll() is not None

    def wait(self) -> int:
        """Wait for the compiler's end; its exit status."""
        try:
            return self.running[0].wait(timeout=300)
        except subprocess.TimeoutExpired as failure:
            raise self.missing(f"does not run ({failure})") from None

    def library(self) -> bytes:
        """The library, once; waits for it, and tries without threads where the compiler knows none.

        Raises
        ------
        CompilerMissing
            If the compiler refuses the text.
        """
        if os.getpid() != self.made_in:  # a forked child cannot wait for its parent's processes
            return Compilation(self.text).library()
        try:
            for threads in THREADS[1:]:
                if self.wait() == 0:
                    break
                self.start(threads)
            if self.wait() == 0:
                return (self.folder / "step.so").read_bytes()
            said = (self.folder / "messages").read_text(errors="replace").strip()
            raise self.missing(f"failed ({said[:300] or 'no message'})")
        finally:
            self.end()


def _end(folder: Path, running: list[subprocess.Popen[bytes]], made_in: int) -> None:
    """Stop what is running and remove its folder, unless they are a parent process's."""
    if os.getpid() != made_in:
        return
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
