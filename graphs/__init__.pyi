# The public names, in the order in which data flows through them; read by type checkers and by __init__.py.
from .errors import InputError as InputError
from .data import Dataset as Dataset, load as load
from .reading import read as read
from .models.logistic import LogisticGraph as LogisticGraph, logistic_graph as logistic_graph
from .updates import gradient_descent as gradient_descent, gradients as gradients, momentum as momentum
from .functions import (
    Functions as Functions,
    compile_functions as compile_functions,
    resolve_mode as resolve_mode,
)
from .gradient_check import GradientCheck as GradientCheck, check_gradient as check_gradient
from .training import Diverged as Diverged, History as History, Progress as Progress, fit as fit

# The rooms that a user of the package enters by name, as in graphs.models.logistic.
from . import environment as environment, errors as errors, files as files, timing as timing
from . import data as data, reading as reading, models as models, updates as updates, rewrites as rewrites
from . import native as native, functions as functions, training as training, inspection as inspection
