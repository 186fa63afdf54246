"""What the compiler did: every rewrite, what it did to the values, the cost and the code."""

from graphs.inspection.ablation import counterfactuals
from graphs.inspection.doctor import diagnose
from graphs.inspection.evaluation import evaluate
from graphs.inspection.examination import examine
from graphs.inspection.measurement import measure
from graphs.inspection.parting import align
from graphs.inspection.record import Inspection, inspect, record
from graphs.inspection.recording import Recording
from graphs.inspection.storage import load, save

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
