"""Tables, pictures and code of a comparison."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from graphs import derivatives, peers, updates
from graphs.errors import InputError
from graphs.models import logistic
from graphs.peers import COMPARED, PEERS
from graphs.peers.compare import Comparison, Plan, plots
from graphs.peers.compare.record import Agreement, Exact, Origin, OtherSize, Run, Start, Steady
from graphs.peers.compare.side_by_side import PARTS, code_panels, lines_of, side_by_side
from graphs.peers.compare.tables import comparison_tables
from graphs.peers.protocol import Broken, Counted
from graphs.timing import Spread


def steady(median: float) -> Steady:
    return Steady(Spread(median, 0.9 * median, 1.2 * median), [median], 1.0)


@pytest.fixture
def record():
    """A record by hand: NumPy, a compiler that pays off, one that broke, one that crashed."""
    start = Start(whole_process=1.0, import_=0.1, build=0.2, first_call=0.3, peak_rss_bytes=10**8)
    step = Counted(
        dispatches=1, ops=19, temporaries=None, bytes=12345, how="counted", python_calls=7, builtin_calls=0
    )
    common = {"formula": "textbook", "status": "finished", "versions": {"x": "1.2"}, "steps": 50}
    agreement = Agreement(relative=3e-16, ulp=2.0, worst_entry_ulp=9.0)
    broke = [Broken("xent", first_step=1, last_step=31, inf=15, nan=16, of=400)]
    timed = {"first_result": {"cold": start, "warm": start}, "per_step": step, "agreement": agreement}
    return Comparison(
        finished=True,
        stamp={"machine": {"cpu": "a cpu", "blas": "a blas"}, "versions": {"python": "3.11.0"}},
        settings=Plan(steps=50),
        data=Origin("random", "somewhere", 400, 784, "float64", "0"),
        reference=Exact("numpy.longdouble (64-bit mantissa)"),
        runs=[
            Run(**common, **timed, name="numpy", title="NumPy by hand", finite=False, broke=broke,
                steady=steady(1e-4)),
            Run(**common, **timed, name="jax-jit", title="JAX jit", finite=True, steady=steady(5e-5),
                break_even={"numpy": {"cold": None, "warm": 12345}}),
            Run(name="torch", title="PyTorch eager", formula="textbook", status="crashed",
                happened="signal [SIGABRT]"),
            Run(name="jax", title="JAX op by op", formula="textbook"),
        ],
        sweep=[
            OtherSize(10, 2, "textbook", {"numpy": steady(1e-5), "jax-jit": steady(2e-5)}),
            OtherSize(99, 2, "textbook", {"numpy": steady(3e-5), "jax-jit": steady(2e-5)}),
        ],
        verdicts=["JAX jit wins [at last]."],
    )  # fmt: skip


def shown(what) -> str:
    page = io.StringIO()
    Console(width=160, file=page).print(what)
    return page.getvalue()


def test_the_tables_hold_what_the_record_says(record):
    text = shown(comparison_tables(record))
    for row in (
        ("NumPy by hand", "15 inf, 16 NaN, calls 1–31"),
        ("JAX jit", "finite"),
        ("PyTorch eager", "crashed"),
        ("JAX op by op", "not reached"),
        ("NumPy by hand", "50", "3.0e-16", "2", "no"),
        ("JAX jit", "1 s", "1 s", "100 ms", "200 ms", "300 ms"),
        ("NumPy by hand", "100 µs", "90–120", "1.00"),
        ("JAX jit", "50 µs", "45–60", "0.50"),
        ("JAX jit", "12,345", "never"),
        ("JAX jit", "1", "19", "?", "12,345", "7"),
        ("NumPy by hand", "10 µs", "30 µs"),
    ):
        assert re.search(r"^ *" + r" +".join(map(re.escape, row)) + r" *$", text, re.MULTILINE), row
    for words in (
        "numpy.longdouble (64-bit mantissa)",
        "a cpu",
        "a blas",
        "x 1.2",
        "• JAX jit wins [at last].",
    ):
        assert words in text
    assert "interrupted" not in text
    assert "interrupted" in shown(comparison_tables(replace(record, finished=False)))


def test_what_the_weights_did_stands_in_the_one_table(record):
    run = record.runs[1]
    run.finite = False
    xent = Broken("xent", first_step=1, last_step=50, inf=15, nan=16, of=400)
    w = Broken("w", first_step=1, last_step=50, inf=0, nan=784, of=784)
    run.broke = [xent, w]
    assert "15 inf, 16 NaN, call 1 on; weights NaN" in shown(comparison_tables(record))
    run.broke = [xent, replace(w, nan=3)]
    assert "15 inf, 16 NaN, call 1 on; some weights NaN" in shown(comparison_tables(record))


def test_every_table_fits_a_terminal_of_80_columns(record):
    record.runs[1].title = max((peer.title for peer in PEERS.values()), key=len)
    page = io.StringIO()
    Console(width=80, file=page).print(comparison_tables(record))
    assert "…" not in page.getvalue()  # rich's mark of what it cut
    for name in ("cold", "warm", "first call", "quartiles", "× uncompiled", "Python calls"):
        assert re.search(rf"(^| ){name}( |$)", page.getvalue(), re.MULTILINE), name  # not broken in two


def test_pictures_show_the_records_figures(record):
    axes = plots.draw_steady(record).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["NumPy by hand", "JAX jit"]
    marks = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
    assert [mark.get_xdata()[0] for mark in marks[:2]] == pytest.approx([100, 50])
    assert marks[0].get_markerfacecolor() == "white"  # it was not finite
    assert marks[1].get_markerfacecolor() != "white"
    warm, cold = plots.draw_break_even(record).axes
    assert (warm.get_title(), cold.get_title()) == ("warm caches", "cold caches")
    by_hand, compiled = (line.get_ydata() for line in warm.get_lines())
    assert by_hand[0] == compiled[0] == pytest.approx(1.0)
    assert by_hand[-1] > compiled[-1]
    sizes = plots.draw_sizes(record).axes[0]
    assert list(sizes.get_lines()[0].get_xdata()) == [20, 198, 400 * 784]  # the comparison's own size too
    assert list(sizes.get_lines()[0].get_ydata()) == pytest.approx([1e-5, 3e-5, 1e-4])
    for axes in (warm, cold, sizes):
        names = {text.get_text(): text.xyann[1] for text in axes.texts}
        assert set(names) == {"NumPy by hand", "JAX jit"}  # each line is named beside its end
        assert 0 <= names["JAX jit"] + 0.04 <= names["NumPy by hand"] <= 1  # in the order of the ends, apart
    assert set(plots.draw(record)) == {"steady.png", "break-even.png", "sizes.png"}
    assert all(picture.startswith(b"\x89PNG") for picture in plots.draw(record).values())


@pytest.mark.parametrize("run", [name for name in COMPARED if name not in {"theano", "aesara"}])
@pytest.mark.parametrize("formula", peers.FORMULAS)
def test_every_part_is_cut_from_the_file_that_runs(run, formula):
    module = PEERS[run].module
    files = [Path(peers.__file__).with_name(f"{name}.py") for name in (module, "contract")]
    if module == "in_pytensor":
        files += [Path(module.__file__) for module in (logistic, derivatives, updates)]
    source = "\n".join(file.read_text() for file in files)
    for part in PARTS:
        lines = lines_of(run, part, formula).splitlines()
        assert lines, f"{run} has no lines for {part}"
        assert not any("# ---" in line for line in lines)
        assert all(line.strip() in source for line in lines)


def test_the_formulas_differ_and_are_the_recommended_ones():
    words = {
        "numpy": "logaddexp",
        "torch": "with_logits",
        "jax": "jax.nn.softplus",
        "pytensor": "pt.softplus",
    }
    for run, word in words.items():
        assert word in lines_of(run, "formula", "logits")
        assert word not in lines_of(run, "formula", "textbook")
    assert "fori_loop" in lines_of("jax-loop", "loop")
    assert "fori_loop" not in lines_of("jax-jit", "loop")
    assert "repeat(" in lines_of("pytensor-native-loop", "loop")
    assert "repeat(" not in lines_of("pytensor", "loop")
    assert "grad(cost" in lines_of("pytensor", "gradient")
    text = shown(code_panels(side_by_side()))
    assert "pt.matrix" in text
    assert "requires_grad=True" in text
    with pytest.raises(InputError):
        side_by_side(("tensorflow",))
