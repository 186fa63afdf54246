"""A picture shows foreign text and takes none of it for a formula."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib.mathtext import MathTextParser

from graphs.pictures import caption, new_figure, png
from tests.inspection.hostile import HOSTILE


@pytest.mark.parametrize("text", [*HOSTILE.values(), "$\\foo{$", "a$b$", r"\$\foo{$$", "漢 $x$"])
def test_no_text_is_taken_for_a_formula(text):
    figure = new_figure(figsize=(4, 2))
    axes = figure.subplots()
    title = axes.set_title(caption(text))
    assert png(figure).startswith(b"\x89PNG"), "what does not parse would raise"
    shown, formula = title._preprocess_math(title.get_text())
    assert not formula
    assert len(shown) <= 100


def test_a_formula_of_ours_still_is_one():
    figure = new_figure(figsize=(4, 2))
    figure.subplots().set(xscale="log", xlim=(1, 1e9))
    png(figure)
    assert any("$" in label.get_text() for label in figure.axes[0].get_xticklabels())
    MathTextParser("agg").parse("$10^{9}$")


def test_tex_is_never_run():
    with matplotlib.rc_context({"text.usetex": True}):
        figure = new_figure(figsize=(4, 2))
        figure.subplots().set_title(caption(r"\input{/etc/passwd}"))
        assert png(figure).startswith(b"\x89PNG")
