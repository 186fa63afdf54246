"""What the compiler did: every rewrite, what it did to the values, the cost and the code."""

from graphs.inspection.record import Inspection, inspect, record
from graphs.inspection.recording import Recording

__all__ = ["Inspection", "Recording", "inspect", "record"]
