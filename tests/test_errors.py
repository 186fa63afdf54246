"""What is refused is named with what may be given, and what is missing with how to get it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphs.errors import (
    InputError,
    call_back,
    choose,
    finite_number,
    install_command,
    several,
    whole_number,
)


def test_an_install_command_names_our_distribution():
    assert install_command() == "pip install compiled-graphs"
    assert install_command("native") == "pip install 'compiled-graphs[native]'"


def test_a_refusal_says_what_was_found_what_is_allowed_and_what_to_do():
    error = InputError("mode", found="'FAST'", allowed="NUMBA, CVM", remedy="name one of them")
    assert str(error) == "mode: found 'FAST'; allowed: NUMBA, CVM; name one of them."
    assert str(InputError("mode", found="1", allowed="2")) == "mode: found 1; allowed: 2."


def test_a_choice_is_one_of_the_names():
    assert choose("dtype", "float32", ["float64", "float32"]) == "float32"
    for wrong in ("float16", None, ["float64"]):
        with pytest.raises(InputError, match="allowed: float64, float32"):
            choose("dtype", wrong, iter(["float64", "float32"]))


@pytest.mark.parametrize(
    "wrong", [0, 11, 1.0, True, "1", None, np.float64(2), np.True_, np.array(1), 10**4200]
)
def test_a_whole_number_is_within_its_bounds(wrong):
    assert whole_number("steps", np.int32(1), 1, 10) == 1
    with pytest.raises(InputError, match=r"steps: found .*; allowed: a whole number from 1 to 10"):
        whole_number("steps", wrong, 1, 10)
    with pytest.raises(InputError, match="a whole number ≥ 1"):
        whole_number("steps", 0, 1)
    with pytest.raises(InputError, match="allowed: a whole number from 1 to 1000000000000000"):
        whole_number("steps", 10**19, 1)


@pytest.mark.parametrize(
    "wrong",
    [-1.0, 0.0, 1.0, math.nan, math.inf, "0.5", None, True, np.True_, [0.5], np.ones(1), 0.5j, 10**400],
)
def test_a_finite_number_is_within_its_bounds(wrong):
    assert finite_number("decay", np.float32(0.5), above=0, below=1) == 0.5
    with pytest.raises(InputError, match="allowed: a finite number > 0 and < 1"):
        finite_number("decay", wrong, above=0, below=1)


def test_a_refusal_shows_foreign_text_and_does_not_obey_it():
    error = InputError("graph", found="\x1b]0;owned\x07" + "a" * 5000, allowed="x")
    assert str(error).isprintable()
    assert len(str(error)) < 1200


@pytest.mark.parametrize("wrong", ["xy", ["x", "z"], 3, None, [3]])
def test_several_names_are_a_list_of_them(wrong):
    assert several("parts", ["x", "y"], iter("xy")) == ("x", "y")
    with pytest.raises(InputError, match="parts: found"):
        several("parts", wrong, "xy")


def test_what_is_called_later_is_looked_at_now():
    call_back("stop", bool)
    call_back("learner", [], "append")
    with pytest.raises(InputError, match="stop: found True; allowed: something to call"):
        call_back("stop", True)
    with pytest.raises(
        InputError, match=r"learner: found \[\]; allowed: an object with the methods append, read"
    ):
        call_back("learner", [], "append", "read")
