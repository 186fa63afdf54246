# The public names, in the order in which data flows through them; read by type checkers and by __init__.py.
from .errors import InputError as InputError
from .data import Dataset as Dataset, load as load, measurements as measurements, split as split
from .reading import read as read
from .derivatives import gradients as gradients, jacobian as jacobian
from .models.logistic import LogisticGraph as LogisticGraph, logistic_graph as logistic_graph
from .models.softmax import SoftmaxGraph as SoftmaxGraph, softmax_graph as softmax_graph
from .models.curve import CurveGraph as CurveGraph, curve_graph as curve_graph
from .models.growth import GrowthGraph as GrowthGraph, growth_graph as growth_graph
from .updates import (
    adam as adam,
    adamw as adamw,
    clip_by_norm as clip_by_norm,
    clip_by_value as clip_by_value,
    gradient_descent as gradient_descent,
    momentum as momentum,
    nesterov as nesterov,
    rmsprop as rmsprop,
)
from .functions import (
    Functions as Functions,
    compile_functions as compile_functions,
    compile_objective as compile_objective,
    compile_residuals as compile_residuals,
    resolve_mode as resolve_mode,
)
from .gradient_check import GradientCheck as GradientCheck, check_gradient as check_gradient
from .training import (
    Batches as Batches,
    Diverged as Diverged,
    History as History,
    Progress as Progress,
    fit as fit,
)
from .solving import Solution as Solution, least_squares as least_squares, minimize as minimize

# The rooms that a user of the package enters by name, as in graphs.models.logistic.
from . import environment as environment, errors as errors, files as files, timing as timing
from . import (
    data as data,
    reading as reading,
    derivatives as derivatives,
    models as models,
    updates as updates,
)
from . import rewrites as rewrites, compiled as compiled, frozen as frozen, native as native
from . import functions as functions, training as training, shards as shards, sharded as sharded
from . import solving as solving, estimators as estimators, examples as examples, inspection as inspection
from . import latex as latex
