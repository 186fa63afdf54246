"""Run the experiment in every framework that is installed, and show what differs."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from rich.console import Console

from graphs import frameworks
from graphs.command import run
from graphs.comparison import compare
from graphs.comparison.plots import draw
from graphs.comparison.side_by_side import side_by_side
from graphs.comparison.tables import code_tables, comparison_tables
from graphs.data import DTYPES, load
from graphs.errors import InputError
from graphs.files import write_whole
from graphs.reading import read
from graphs.results import to_json

EPILOG = """\
examples:
  scripts/run compare                                   everything, 10,000 steps: several minutes
  scripts/run compare --steps 1000 --starts 0           without times to first result: quick
  scripts/run compare --runs numpy jax-loop pytensor --sizes 100x20 400x784 4000x784
  scripts/run compare --formulas softplus --runs torch  PyTorch's softplus, wrong above 20
  scripts/run compare --code                            the same few lines side by side; runs nothing
  scripts/run compare --out runs/compared               keep the record, the tables, the pictures

exit codes: 0 compared (a framework that is missing, crashed or hung is part of the record), 2 bad input
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="scripts/run compare",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(frameworks.RUNS)
    options.add_argument("--runs", nargs="+", metavar="RUN", help=f"which (default all): {names}")
    options.add_argument(
        "--formulas",
        nargs="+",
        default=list(frameworks.FORMULAS),
        metavar="FORMULA",
        help="textbook, logits; softplus (PyTorch eager only); default the first two",
    )
    options.add_argument(
        "--steps", type=int, default=10_000, help="before w and b are compared (default 10000)"
    )
    options.add_argument("--rounds", type=int, default=9, help="samples of the steady state (default 9)")
    options.add_argument("--threads", type=int, default=1, help="for every framework alike (default 1)")
    options.add_argument(
        "--starts", type=int, default=3, help="warm fresh processes; 0: no times to first result (default 3)"
    )
    options.add_argument(
        "--sizes",
        nargs="+",
        default=[],
        metavar="NxF",
        help="also time a step at these sizes, such as 400x784",
    )
    options.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="S",
        help="seconds that a framework may take to answer (default 300)",
    )
    options.add_argument("--seed", type=int, default=0, help="of the random data (default 0)")
    options.add_argument("--samples", type=int, default=400, help="rows of x (default 400)")
    options.add_argument("--features", type=int, default=784, help="columns of x (default 784)")
    options.add_argument("--dtype", default="float64", help=f"{' or '.join(DTYPES)} (default float64)")
    options.add_argument("--data", metavar="FILE", help="your own x and y: .csv or .npz")
    options.add_argument("--code", action="store_true", help="show the lines side by side and end")
    options.add_argument(
        "--gradients", action="store_true", help="show the gradient as each framework holds it"
    )
    options.add_argument(
        "--json", action="store_true", help="the record as one JSON object on standard output"
    )
    options.add_argument(
        "--out", metavar="DIR", help="keep compare.json, compare.txt, gradients.txt and pictures there"
    )
    options.add_argument("--quiet", action="store_true", help="do not tell what is being done")
    return options


def size(text: str) -> tuple[int, int]:
    """Samples and features from a text such as 400x784."""
    try:
        samples, features = (int(number) for number in text.lower().split("x"))
    except ValueError as error:
        raise InputError("sizes", found=repr(text), allowed="samples x features, such as 400x784") from error
    return samples, features


def main() -> int:
    """Parse, compare, show."""
    given = parser().parse_args()
    if given.code:
        runs = tuple(given.runs) if given.runs else None
        Console().print(code_tables(side_by_side(runs, given.formulas[0])))
        return 0
    kept = folder(given.out) if given.out else None
    data = (
        read(given.data, seed=given.seed, dtype=given.dtype)
        if given.data
        else load(seed=given.seed, samples=given.samples, features=given.features, dtype=given.dtype)
    )
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        record = compare(
            data,
            runs=given.runs,
            formulas=given.formulas,
            steps=given.steps,
            rounds=given.rounds,
            threads=given.threads,
            warm_starts=given.starts,
            sizes=[size(text) for text in given.sizes],
            timeout=given.timeout,
            tell=(lambda what: None) if given.quiet else status.update,
        )
    if kept:
        keep(kept, record)
    if given.json:
        sys.stdout.buffer.write(to_json(record))
        return 0
    console = Console()
    console.print(comparison_tables(record))
    if given.gradients:
        console.print(gradients(record), markup=False, highlight=False)
    console.print(f"kept in {kept}" if kept else "nothing kept; --out DIR keeps it")
    return 0


def folder(name: str) -> Path:
    """The folder to write to, made before any work."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_whole(path / "compare.json", b"{}\n")
    except OSError as error:
        raise InputError(
            "out", found=f"{name} ({error.strerror})", allowed="a folder that can be written"
        ) from error
    return path


def gradients(record: dict[str, object]) -> str:
    """Every representation of the gradient, one after the other."""
    texts = []
    for each in record["runs"]:  # type: ignore[attr-defined]
        for kind, text in each.get("gradient", {}).items():
            texts.append(f"===== {each['title']}, {each['formula']} formula: {kind}\n\n{text.rstrip()}\n")
    return "\n".join(texts)


def keep(path: Path, record: dict[str, object]) -> None:
    """Write record, tables, gradients and pictures."""
    write_whole(path / "compare.json", to_json(record))
    write_whole(path / "gradients.txt", gradients(record).encode())
    page = io.StringIO()
    Console(width=150, file=page).print(comparison_tables(record))
    write_whole(path / "compare.txt", page.getvalue().encode())
    try:
        pictures = draw(record)
    except ImportError:
        print("compare: pictures need matplotlib: pip install 'graphs[pictures]'", file=sys.stderr)
        return
    for name, picture in pictures.items():
        write_whole(path / name, picture)


if __name__ == "__main__":
    run("compare", main)
