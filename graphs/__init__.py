"""Theano's logistic-regression example on PyTensor, and a look at what the compiler did to it.

The public names and the rooms stand in ``__init__.pyi``, in the order in which data flows through them. Each is
imported when it is used first (SPEC 1), so that ``import graphs`` itself takes no time.
"""

import sys
import warnings
from importlib.util import find_spec
from os.path import dirname

from graphs.interruption import is_command, leave_on_signals

if is_command(dirname(__file__)):
    leave_on_signals()  # before all else, for half of a second goes into imports
    # A sentence for a user, without a line of ours; commands/ending.py goes on with it.
    warnings.showwarning = lambda message, *_, **__: print(f"graphs: {message}", file=sys.stderr)

import lazy_loader

from graphs.environment import drop_odd_thread_counts, prepare_compile_folder, take_native_from_flags

drop_odd_thread_counts()  # before anything here imports pytensor
prepare_compile_folder()  # likewise
take_native_from_flags()  # likewise

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
if (
    find_spec("sklearn") is None
):  # then only who names it is told; help() and a star ask for all that is listed
    __all__.remove("estimators")


def __dir__() -> list[str]:
    return list(__all__)
