"""A linker of our own: a PyTensor graph becomes one C file, loops fused by index.

``pytensor.function(..., mode=native_mode)`` compiles a function this way. A graph goes from :mod:`linker`
(PyTensor's way in) through :mod:`pipeline`, the page that names every pass, to :mod:`run`, which compiles the C
file and calls it.
"""

from pytensor.compile.mode import predefined_modes, register_mode

from graphs.native.linker import NativeLinker, NativeMode, NotNative, native_mode, source_of
from graphs.native.program import NativeSource
from graphs.native.run.compiler import compiler_version
from graphs.native.run.function import alone
from graphs.native.run.repeat import repeat

if "NATIVE" not in predefined_modes:  # PyTensor refuses a name twice, as where this module is reloaded
    register_mode("NATIVE", native_mode)

__all__ = [
    "NativeLinker",
    "NativeMode",
    "NativeSource",
    "NotNative",
    "alone",
    "compiler_version",
    "native_mode",
    "repeat",
    "source_of",
]
