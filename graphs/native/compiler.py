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
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

__all__ = ["Compiler", "CompilerMissing", "compile_text", "find_compiler"]

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
REMEDY = "install gcc or clang, or `pip install ziglang`, which is a C compiler"


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
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(prefix="graphs-native-") as folder:
        source, library = Path(folder, "step.c"), Path(folder, "step.so")
        source.write_text(text)
        for threads in THREADS:
            command = [
                *compiler.command,
                *FLAGS,
                *threads,
                *shlex.split(extra_flags()),
                str(source),
                "-o",
                str(library),
                "-lm",
            ]
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=300,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as failure:
                raise CompilerMissing(f"{compiler.command[0]} does not run ({failure}): {REMEDY}") from None
            if done.returncode == 0:
                return library.read_bytes()
    raise CompilerMissing(
        f"{compiler.command[0]} failed ({(done.stderr.strip() or 'no message')[:300]}): {REMEDY}"
    )
