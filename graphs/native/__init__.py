"""A linker of our own: a PyTensor graph becomes one C file, loops fused by index.

``pytensor.function(..., mode=native_mode)`` compiles a function this way. In the order in which a graph
travels: :mod:`linker` (PyTensor's way in), :mod:`lowering` (Apply nodes to statements over indices),
:mod:`fusion` (statements to loop nests), :mod:`storage`, :mod:`nests`, :mod:`blocks` and :mod:`writer` (C text), :mod:`compiler`,
:mod:`cache`, :mod:`calling`.
"""

from pytensor.compile.mode import predefined_modes, register_mode

from graphs.native.linker import NativeLinker, NativeMode, NotNative, native_mode
from graphs.native.run.repeat import repeat
from graphs.native.source import NativeSource, source_of

if "NATIVE" not in predefined_modes:  # PyTensor refuses a name twice, as where this module is reloaded
    register_mode("NATIVE", native_mode)

__all__ = ["NativeLinker", "NativeMode", "NativeSource", "NotNative", "native_mode", "repeat", "source_of"]
