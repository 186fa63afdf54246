"""What a run is made with is refused by its name, before anything is compiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphs import functions
from graphs.data import Dataset
from graphs.errors import InputError
from graphs.experiment import reproduction
from graphs.experiment.settings import Settings

MINE = Dataset("mine", np.ones((4, 3)), np.array([0, 1, 0, 1]), np.ones(3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": "x"}, "steps: found 'x'"),
        ({"steps": 10**15, "every": 1}, "every: found 1 for 1000000000000000 steps"),
        ({"every": None}, "every: found None"),
        ({"learning_rate": True}, "learning_rate: found True"),
        ({"learning_rate": 1e-60, "dtype": "float32"}, "learning_rate: found 1e-60"),
        ({"weight_decay": 1e300, "dtype": "float32"}, r"weight_decay: found 1e\+300"),
        ({"mode": 3}, "mode: found 3"),
        ({"seed": float("nan")}, "seed: found nan"),
    ],
)
def test_settings_that_no_run_can_have_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        Settings(**settings).load()


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (None, "dataset: found None"),
        (replace(MINE, x=np.ones((4, 2))), r"x: found an array of shape \(4, 2\)"),
        (replace(MINE, y=np.array([0, 1, 2, 0])), "y: found 2 in sample 2"),
        (replace(MINE, initial_w=np.array([1, np.nan, 1])), "initial_w: found nan"),
        (replace(MINE, unseen_x=np.ones((3, 2))), "unseen_x: found an array of shape"),
    ],
)
def test_samples_that_do_not_fit_are_refused_before_compiling(dataset, said, monkeypatch):
    monkeypatch.setattr(functions, "compile_functions", lambda *given: pytest.fail("it compiles"))
    with pytest.raises(InputError, match=said):
        reproduction.build(Settings(), dataset)
