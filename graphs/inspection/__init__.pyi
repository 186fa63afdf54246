from .doctor import diagnose as diagnose
from .file import load as load
from .file import save as save
from .inspection import Inspection as Inspection
from .inspection import inspect as inspect
from .pair import align as align
from .recording import Recording as Recording
