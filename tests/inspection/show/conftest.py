"""A small graph with everything, examined once for all tests of this room."""

from __future__ import annotations

import pytest

from graphs.inspection import inspect
from graphs.inspection.recording import Recording
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS


@pytest.fixture(scope="session")
def textbook() -> Recording:
    """A small graph with everything: rescue, updates, times, code, weight."""
    inputs, outputs, updates, values = ODD_GRAPHS["textbook_cross_entropy"]()
    inspection = inspect(inputs, outputs, updates, mode=PYTHON, name="train")
    whole = inspection.examine(*values, parts=("values", "doctor", "times", "code"))
    return whole.leave_out(rules=["log1p_neg_sigmoid", "local_log1p"], rounds=2).recording
