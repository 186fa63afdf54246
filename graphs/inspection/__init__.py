"""What the compiler did: every rewrite, what it did to the values, the cost and the code."""

from graphs.inspection.ablation import counterfactuals
from graphs.inspection.compiling.compiled import Inspection, inspect, record
from graphs.inspection.doctor import diagnose
from graphs.inspection.file import load, save
from graphs.inspection.inspection import examine
from graphs.inspection.measurement import measure
from graphs.inspection.pair import align
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import overview
from graphs.inspection.values.evaluate import evaluate
from graphs.inspection.views import print_with

print_with(overview)

__all__ = [
    "Inspection",
    "Recording",
    "align",
    "counterfactuals",
    "diagnose",
    "evaluate",
    "examine",
    "inspect",
    "load",
    "measure",
    "record",
    "save",
]
