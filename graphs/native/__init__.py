"""A linker of our own: a PyTensor graph becomes one C file, loops fused by index.

``pytensor.function(..., mode="NATIVE")`` compiles a function this way, and so does ``Mode(linker="native")``, once this
is imported. ``PYTENSOR_FLAGS=mode=NATIVE`` makes it the default of every program that imports this before PyTensor. A
graph goes from :mod:`linker`
(PyTensor's way in) through :mod:`pipeline`, the page that names every pass, to :mod:`run`, which compiles the C
file and calls it.
"""

import os

import pytensor
from pytensor.compile.mode import predefined_linkers, predefined_modes, register_linker, register_mode

from graphs.compiled.compiler import compiler_version
from graphs.environment import DEFAULT_MODE
from graphs.native.explanation import Explanation, explain
from graphs.native.freeze import freeze
from graphs.native.linker import NativeLinker, NativeMode, NotNative, native_mode, source_of
from graphs.native.program import NativeSource
from graphs.native.run.function import alone
from graphs.native.run.repeat import repeat

if "NATIVE" not in predefined_modes:  # PyTensor refuses a name twice, as where this module is reloaded
    register_mode("NATIVE", native_mode)
if "native" not in predefined_linkers:
    register_linker("native", NativeLinker())
if os.environ.get(DEFAULT_MODE) == "NATIVE":
    pytensor.config.mode = native_mode

__all__ = [
    "Explanation",
    "NativeLinker",
    "NativeMode",
    "NativeSource",
    "NotNative",
    "alone",
    "compiler_version",
    "explain",
    "freeze",
    "native_mode",
    "repeat",
    "source_of",
]
