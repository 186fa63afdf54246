from .folder import load as load
from .function import Frozen as Frozen
from .function import FrozenFunction as FrozenFunction
