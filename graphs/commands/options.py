"""What every command can be told: one parser each, and the one of them all.

Nothing but the standard library and modules as light is imported here, so that ``--help`` and a shell's
completion answer at once.
"""

from __future__ import annotations

import argparse
import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from graphs.errors import DISTRIBUTION, InputError, number_in, whole_in
from graphs.examples import EXAMPLES
from graphs.experiment.settings import Settings
from graphs.foreign import quoted
from graphs.lessons import LESSONS
from graphs.peers import BENCHMARKED, COMPARED, FORMULAS, PEERS
from graphs.peers.models import MODELS

__all__ = [
    "COMMANDS",
    "DTYPES",
    "MODES",
    "PENALTIES",
    "PROBLEMS",
    "QUICK_PROBLEMS",
    "QUICK_SHARDED_SIZES",
    "QUICK_SIZES",
    "SHARDED_SIZES",
    "SIZES",
    "command_missing",
    "parse",
    "parser",
]

# What can be named, for the help: where it is defined, NumPy or PyTensor comes along. What is given is checked
# there, when it is used; a test compares the two.
DTYPES = ("float64", "float32")
MODES = "default, FAST_RUN, none, C, CVM, FAST_COMPILE, JAX, MLX, NATIVE, NUMBA, PYTORCH"
SIZES = "400x784,2000x784,20000x784,200000x784,4000x7840,40000x7840"
QUICK_SIZES = "400x784,4000x784"
SHARDED_SIZES = "400x784,2000x784,4000x784,50000x784,100000x784,200000x784"
QUICK_SHARDED_SIZES = "400x784,4000x784"
PROBLEMS = "100x2x2,400x784x2,4000x784x2,20000x100x2,digits,5000x200x5"
QUICK_PROBLEMS = "100x2x2,digits"
PENALTIES = "0.01,C=1"


def _listed(names: dict[str, str], width: int) -> str:
    return "\n".join(f"  {name:<{width}} {text}" for name, text in names.items())


def reproduce(parser: ArgumentParser) -> None:
    """Run the original's experiment and show what it prints, then the facts about the run."""
    parser.argument_default = (
        argparse.SUPPRESS
    )  # defaults stand in Settings: --resume tells what was asked for
    parser.epilog = """\
examples:
  graphs reproduce                          the original: seed 0, 10,000 steps
  graphs reproduce --seed 1 --mode CVM      another draw, PyTensor's C linker
  graphs reproduce --mode none --steps 5    no rewrites: the textbook formula ends in NaN at step 1
  graphs reproduce --formula logits --mode none --steps 5
                                            the formula that needs no rewriting
  graphs reproduce --out runs/a             keep everything; stop it at any moment, then
  graphs reproduce --out runs/a --resume    go on, to the bit what a run without a stop gives
  graphs reproduce --data mine.csv          your own samples: targets 0 or 1 in the last column
  graphs reproduce --mesh 4                 its samples on 4 devices
  graphs reproduce --processes 2 --data shards
                                            two processes, each of which reads its rows of a folder

exit codes: 0 done, 1 diverged or could not go on, 2 bad input, 130 and 143 stopped by a signal
"""
    default = asdict(Settings())

    def add(
        group: argparse._ArgumentGroup,
        name: str,
        kind: Callable[[str], object],
        text: str,
        metavar: str | None = None,
    ) -> None:
        shown = default[name.strip("-").replace("-", "_")]
        text = text if shown is None else f"{text} (default {shown})"
        group.add_argument(name, type=kind, help=text, metavar=metavar)

    what = parser.add_argument_group("the experiment")
    add(what, "--seed", whole_in, "seed of the random data and initial weights")
    add(what, "--samples", whole_in, "rows of x")
    add(what, "--features", whole_in, "columns of x; 784 are a picture of 28 × 28")
    source = "your own x and y: .csv (target in the column y or the last), .npz (x, y), or a folder of shards"
    add(what, "--data", str, source, "FILE")
    add(what, "--steps", whole_in, "full-batch steps of gradient descent")
    add(what, "--learning-rate", number_in, "a step is η times the gradient", "η")
    add(what, "--weight-decay", number_in, "the cost holds λ·Σw², its gradient therefore 2·λ·w", "λ")
    add(what, "--formula", str, f"how the cross-entropy is written down: {' or '.join(FORMULAS)}")
    how = parser.add_argument_group("how it runs")
    add(how, "--mode", str, f"PyTensor mode: {MODES}")
    add(how, "--dtype", str, " or ".join(DTYPES))
    add(how, "--every", whole_in, "record cost, accuracy and norms every K steps", "K")
    where = parser.add_argument_group("on many devices and machines, by JAX; mode JAX")
    mesh = "deal the samples out to N devices; NxM: the features to M as well (default: all there are)"
    where.add_argument("--mesh", metavar="N", help=mesh)
    many = "processes; without --coordinator they are started here"
    where.add_argument("--processes", type=whole_in, metavar="N", help=many)
    address = "where process 0 listens; auto: SLURM, Kubernetes and what else JAX finds"
    where.add_argument("--coordinator", metavar="HOST:PORT", help=address)
    where.add_argument("--process-id", type=whole_in, metavar="K", help="which of them this is, from 0")
    kept = parser.add_argument_group("what is kept and shown")
    kept.add_argument(
        "--out", metavar="DIR", default=None, help="keep results, pictures and checkpoints there"
    )
    kept.add_argument(
        "--checkpoint-every",
        type=whole_in,
        metavar="K",
        default=1000,
        help="steps between two (default 1000)",
    )
    same = "go on with the run in DIR; same bits on the same machine with the same versions"
    kept.add_argument("--resume", action="store_true", default=False, help=same)
    kept.add_argument("--json", action="store_true", default=False, help="one JSON object on standard output")
    kept.add_argument("--quiet", action="store_true", default=False, help="nothing but errors (and --json)")


def run(parser: ArgumentParser) -> None:
    """Run an experiment of the texts: what they claim, and beside it what was found."""
    examples = {name: text.replace("`", "") for name, text in EXAMPLES.summaries().items()}
    parser.epilog = f"""\
experiments:
{_listed(examples, max(map(len, examples)) + 1)}

examples:
  graphs run growth                         one of them
  graphs run                                all, in the order of the texts
  graphs run softmax --out runs/softmax     keep what was found, the picture and the stages; stop it at any
                                            moment, then
  graphs run softmax --out runs/softmax --resume
  graphs run curve --inspect                then what the compiler did to its graph

exit codes: 0 done, 1 a claim does not hold or it could not go on, 2 bad input, 130 and 143 stopped by a signal
"""
    parser.add_argument("example", nargs="*", metavar="NAME", help="which (default: all, in order)")
    parser.add_argument("--mode", default="NATIVE", help=f"PyTensor mode: {MODES} (default NATIVE)")
    parser.add_argument("--inspect", action="store_true", help="show what the compiler did to its graph, too")
    parser.add_argument("--out", metavar="DIR", help="keep findings, pictures and stages there")
    same = "go on with the run in DIR; same bits on the same machine with the same versions"
    parser.add_argument("--resume", action="store_true", help=same)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="nothing but errors (and --json)")


def inspect(parser: ArgumentParser) -> None:
    """Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""
    parser.epilog = """\
what you see:
  A graph as you write it is not what runs. PyTensor rewrites it, rule by rule, in phases: canonicalize
  brings it to one form, stabilize replaces formulas that overflow, specialize picks cheaper ones, fusion
  makes one loop of many, inplace reuses memory. Shown are the story in a few sentences, every rewrite
  with the formula before and after, which of them changed the values, which known stabilizing rewrites
  fire here, what each rule is worth (the same compilation without it), and where the time goes.

examples:
  graphs inspect                            the original's training step, in PyTensor's default mode
  graphs inspect --mode CVM --quick         PyTensor's C linker; nothing timed, no rule left out
  graphs inspect --step 70                  one rewrite: nodes out and in, formula and values
  graphs inspect --rule log1p               the steps of rules with log1p in their names
  graphs inspect --why log1p_neg_sigmoid    why a rewrite did not fire, or where it did
  graphs inspect --nodes                    every node that runs, its number, cost and time
  graphs inspect --code 65                  the code that node #65 became; --code whole for all of it
  graphs inspect --against CVM              two modes side by side: where do they part?
  graphs inspect --against without:local_log1p
  graphs inspect --against float32
  graphs inspect --graph mine.py:f          your own: a compiled function, an expression, (inputs,
                                            outputs, updates), or something to call that returns one
  graphs inspect --graph mine.py:f --shape x=100,20
  graphs inspect --graph mine.py:f --input x=x.npy --input s=-1
  graphs inspect --graph mine.py:model      a PyMC model: its logp and dlogp, at its initial point
  graphs inspect --html train.html          a page to walk through, step by step
  graphs inspect --json train.json          keep it; look again without computing anything:
  graphs inspect --load train.json --step 86

A graph of your own is imported, so its file runs. Its function and shared variables stay as they are: a
copy is compiled and called. Inputs that --input does not name are drawn from --seed, or a model's own.

exit codes: 0 done, 1 could not go on, 2 bad input
"""
    add = parser.add_argument_group("what to look at").add_argument
    add("--graph", default="logistic", metavar="NAME", help="logistic, module:object or file.py:name")
    add("--mode", help=f"{MODES} (default: PyTensor's own; a compiled function has one)")
    add("--dtype", choices=DTYPES, default="float64", help="of the logistic graph")
    add("--shape", action="append", default=[], metavar="NAME=N,M", help="shape to draw an input in")
    add(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input: FILE.npy, a number, or file.py:make_value",
    )
    add("--seed", type=whole_in, default=0, help="of the drawn inputs (default: 0)")
    add("--load", metavar="FILE", help="a recording kept with --json, instead of compiling")
    add("--against", metavar="OTHER", help="a second mode, without:RULE, or float32 or float64")
    add = parser.add_argument_group("what to show (default: all of it)").add_argument
    add("--step", type=whole_in, metavar="N", help="one step, before and after")
    add("--rule", metavar="TEXT", help="the steps of rules with this in their names")
    add("--phase", metavar="NAME", help="the steps of this phase")
    why = "why this rewrite did not fire: the nearest place and the test that failed; may be given again"
    add("--why", action="append", default=[], metavar="RULE", help=why)
    add("--nodes", action="store_true", help="every node that runs in the end")
    add("--code", metavar="NODE", help="the code of a final node, by number, or: whole")
    add("--quick", action="store_true", help="time nothing and leave no rule out")
    add("--json", metavar="FILE", help="keep the recording")
    add(
        "--html",
        metavar="FILE",
        help="write the page: walk through the steps in a browser, offline; with --against, two",
    )
    mesh = "what XLA's partitioner inserts into the original's training step on N devices, or NxM"
    add("--mesh", metavar="N", help=mesh)
    add("--schema", action="store_true", help="print the JSON Schema of such a file and end")
    add("--width", type=whole_in, metavar="N", help="columns to use (default: the terminal's; 120 in a pipe)")


def doctor(parser: ArgumentParser) -> None:
    """Show which known stabilizing rewrites fire here, mode by mode, and beside them those of other versions."""
    parser.epilog = """\
examples:
  graphs doctor                             the usual modes: NUMBA, CVM, FAST_COMPILE, JAX, NATIVE
  graphs doctor --mode FAST_COMPILE --mode CVM
  graphs doctor --json old.json             keep the table, under one version of PyTensor; under another:
  graphs doctor --beside old.json           this version's table with the kept one beside it

Each formula is rewritten as the mode does it and evaluated Op by Op at inputs where it fails as written.

exit codes: 0 done, 2 bad input
"""
    add = parser.add_argument
    mode = f"{MODES}; may be given again (default: NUMBA, CVM, FAST_COMPILE, JAX where installed, NATIVE)"
    add("--mode", action="append", default=[], help=mode)
    add("--json", metavar="FILE", help="keep the table")
    beside = "a table kept under other versions, to be laid beside; may be given again"
    add("--beside", action="append", default=[], metavar="FILE", help=beside)


def check(parser: ArgumentParser) -> None:
    """Check the gradient of a cost against differences of its values, and find the Op whose gradient is wrong."""
    parser.epilog = """\
what you see:
  One line for each parameter: PyTensor's gradient beside central differences of the cost as written, the
  largest relative error, and a verdict. right: below 1e-7. close: below 1e-4, fine for a cost with kinks.
  doubtful: below 1e-2. wrong: above. A kink is called one, with the Op and your line that make it. What is
  too small for differences is called not resolved. Where a gradient is wrong, each Op is tried by itself.

examples:
  graphs check                              the original's cost, by w and b
  graphs check mine.py:cost                 your own: an expression, (inputs, outputs), a compiled function,
                                            or something to call that returns one
  graphs check mine.py:cost --wrt w --entries 500
  graphs check mine.py:cost --input x=x.npy --shape y=100,20
  graphs check mine.py:model                a PyMC model: its logp, at its initial point
  graphs check mine.py:cost --mode JAX      the gradient as that mode compiles it

The file is imported, so it runs. Inputs that --input does not name are drawn from --seed, or a model's own;
shared variables have their own values, and keep them.

exit codes: 0 no gradient is wrong, 1 one is, or could not go on, 2 bad input
"""
    add = parser.add_argument
    add(
        "graph", nargs="?", default="logistic", metavar="NAME", help="logistic, module:object or file.py:name"
    )
    wrt = "a parameter: a shared variable or an input; may be given again (default: the shared ones, or all inputs)"
    add("--wrt", action="append", default=[], metavar="NAME", help=wrt)
    value = "an input's or a shared variable's: FILE.npy, a number, or file.py:make_value"
    add("--input", action="append", default=[], metavar="NAME=VALUE", help=value)
    add("--shape", action="append", default=[], metavar="NAME=N,M", help="shape to draw an input in")
    add("--seed", type=whole_in, default=0, help="of what is drawn (default: 0)")
    entries = "entries of a parameter that are checked, drawn where there are more (default: 50)"
    add("--entries", type=whole_in, default=50, metavar="N", help=entries)
    add("--mode", help=f"of the gradient: {MODES} (default: PyTensor's own; a compiled function has one)")


def compare(parser: ArgumentParser) -> None:
    """Run the experiment in every framework that is installed, and show what differs."""
    parser.epilog = """\
examples:
  graphs compare                                   everything, 10,000 steps: a quarter of an hour
  graphs compare --steps 1000 --starts 0           without times to first result: two minutes
  graphs compare --runs numpy jax-loop pytensor --sizes 100x20 400x784 4000x784
  graphs compare --formulas softplus --runs torch  PyTorch's softplus, wrong above 20
  graphs compare --code                            the same few lines side by side; runs nothing
  graphs compare --out runs/compared               keep the record, the tables, the pictures
  graphs compare --out runs/compared --resume      go on with it after an interruption
  graphs compare --python aesara=venv/bin/python   a framework that another Python holds

exit codes: 0 compared (a framework that is missing, crashed or hung is part of the record), 2 bad input,
130 or 143 interrupted: what was finished is shown, and kept in DIR
"""
    add = parser.add_argument_group("what is compared").add_argument
    add("--runs", nargs="+", metavar="RUN", help=f"default all: {', '.join(COMPARED)}")
    formulas = "textbook, logits; softplus (PyTorch eager only); default the first two"
    add("--formulas", nargs="+", default=list(FORMULAS), metavar="FORMULA", help=formulas)
    add("--seed", type=whole_in, default=0, help="of the random data (default 0)")
    add("--samples", type=whole_in, default=400, help="rows of x (default 400)")
    add("--features", type=whole_in, default=784, help="columns of x (default 784)")
    add("--dtype", default="float64", help=f"{' or '.join(DTYPES)} (default float64)")
    add("--data", metavar="FILE", help="your own x and y: .csv or .npz")
    add = parser.add_argument_group("how").add_argument
    add("--steps", type=whole_in, default=10_000, help="before w and b are compared (default 10000)")
    add("--rounds", type=whole_in, default=9, help="samples of the steady state (default 9)")
    add("--threads", type=whole_in, default=1, help="for every framework alike (default 1)")
    starts = "fresh processes with warm caches, after a cold one; 0: no times to first result (default 1)"
    add("--starts", type=whole_in, default=1, help=starts)
    add("--sizes", nargs="+", default=[], metavar="NxF", help="also time a step at these, such as 400x784")
    timeout = "seconds that a framework may take for one thing asked of it, such as building (default 300)"
    add("--timeout", type=number_in, default=300.0, metavar="S", help=timeout)
    limit = "seconds that the steps of one run may take; then it is compared where it got to (default 600)"
    add("--step-limit", type=number_in, default=600.0, metavar="S", help=limit)
    python = "the Python that holds a run's framework, where this one cannot"
    add("--python", nargs="+", default=[], metavar="RUN=PATH", help=python)
    add = parser.add_argument_group("what is shown and kept").add_argument
    add("--code", action="store_true", help="show the lines side by side and end")
    add("--gradients", action="store_true", help="show the gradient as each framework holds it")
    add("--json", action="store_true", help="the record as one JSON object on standard output")
    add("--out", metavar="DIR", help="keep compare.json, compare.txt, gradients.txt and pictures there")
    resume = "go on with the comparison in DIR; the rest of the command as it was"
    add("--resume", action="store_true", help=resume)
    add("--quiet", action="store_true", help="do not tell what is being done")


def benchmark(parser: ArgumentParser) -> None:
    """Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""
    models = {name: text.replace("`", "") for name, text in MODELS.summaries().items()}
    parser.epilog = f"""\
peers (--only and --skip take their names):
{_listed({name: PEERS[name].title for name in BENCHMARKED}, 14)}

models (--model takes their names):
{_listed(models, max(map(len, models)) + 1)}

examples:
  graphs benchmark --quick                     minutes: two sizes, one thread, few rounds
  graphs benchmark                             everything; an hour or more
  graphs benchmark --sizes 400x784 --threads 1 --only limit,numpy,native,native-many
  graphs benchmark --skip torch-compile --json runs/b.json --plot runs/b.png
  graphs benchmark --measure processes         from the interpreter's start to its end only
  graphs benchmark --measure estimators --quick --threads 1
                                               fits of LogisticClassifier beside scikit-learn's solvers
  graphs benchmark --models                    cost and gradients of graphs that nobody tuned
  graphs benchmark --model poisson --model cox --threads 1
  graphs benchmark --sharded                   samples on 1, 2, 4, 8 devices and 1, 2, 4 processes, from
                                               400 × 784 to 200,000 × 784

how to read it: every peer runs in its own process and gives one sample in turn, round after round, so
that a machine that slows down slows all of them. Times are medians; compare them as ratios within one
table, never between two runs. "limit" reads x once and computes nothing: a step that knows nothing
beforehand cannot be faster. Gram state is: it reads the samples × samples matrix x·xᵀ instead.

Fits are compared at the same cost: each solver takes the loosest tolerance with which it comes to within
1e-6 of the optimum's cost, as NumPy computes it. "ratio" is that to scikit-learn's fastest solver; "first" is
the first fit of a process, in which our function is rewritten but not compiled: an earlier one has done that.

Models are compiled by PyTensor's default mode, CVM and NATIVE, and written again for JAX; each must find what the
default mode finds, to 1e-8 of every array's largest entry (1e-4 in float32), or its distance stands in place of its
time. "÷ best" is NATIVE's median over that of the fastest other, which is named. "first" is from the model to the
first result, with each compiler's own cache as it is (empty with --cold, which takes minutes more), and as many
peers compiling at once as there are cores. Where NATIVE "falls back", the default mode runs, and the reason follows.

A peer that is not installed, crashes, hangs, does not fit into memory or reaches other weights than
NumPy is named with the reason, and the others go on. A speed is never a failure: the exit code is 0.

exit codes: 0 done, 2 bad input, 130 and 143 stopped by a signal
"""
    add = parser.add_argument_group("what is timed").add_argument
    quick = f"sizes {QUICK_SIZES}, float64, 1 thread, few rounds, 1,000 steps per process"
    add("--quick", action="store_true", help=quick)
    add("--sizes", metavar="NxF,…", help=f"samples x features (default {SIZES})")
    add("--dtype", metavar="NAME,…", help=f"{' and '.join(DTYPES)} (default both)")
    add("--threads", metavar="K,…", help="numbers of threads (default 1,2; 1 with --quick)")
    add("--only", metavar="PEER,…", help="these peers only")
    add("--skip", metavar="PEER,…", help="all peers but these")
    what = "steps, processes (default both); estimators: our classifier beside scikit-learn's, and models, if named"
    add("--measure", metavar="WHAT,…", help=what)
    add("--models", action="store_true", help="models, and nothing else unless --measure names it")
    add("--model", action="append", metavar="NAME", help="this model only; may be given again for others")
    meshes = "samples on meshes of devices and processes, and nothing else unless --measure names it"
    add("--sharded", action="store_true", help=meshes)
    problems = f"for estimators: samples x features x classes, or digits (default {PROBLEMS})"
    add("--problems", metavar="NxFxK,…", help=problems)
    penalties = f"for estimators: λ, or scikit-learn's C (default {PENALTIES}; the first with --quick)"
    add("--penalties", metavar="λ,…", help=penalties)
    formula = f"{' or '.join(FORMULAS)} (default logits, with which every peer trains)"
    add("--formula", default="logits", help=formula)
    add = parser.add_argument_group("how").add_argument
    add("--rounds", type=whole_in, help="samples of each step (default 15; 5 with --quick or --models)")
    budget = "seconds of sampling per size; 3 rounds at least (default 120)"
    add("--budget", type=number_in, default=120, metavar="S", help=budget)
    timeout = "seconds after which a silent peer is ended (default 300)"
    add("--timeout", type=number_in, default=300, metavar="S", help=timeout)
    add("--cold", action="store_true", help="models are compiled with empty caches")
    steps = "steps of a whole process (default 10000; 1000 with --quick)"
    add("--process-steps", type=whole_in, metavar="K", help=steps)
    rounds = "warm runs of each process, and half as many cold ones (default 5; 2 with --quick)"
    add("--process-rounds", type=whole_in, metavar="K", help=rounds)
    add = parser.add_argument_group("what is kept and shown").add_argument
    add("--json", metavar="FILE", help="every sample, with versions and machine")
    add("--plot", metavar="FILE", help="seconds per step over size, log-log, as PNG")
    add("--quiet", action="store_true", help="no table and no progress")


def lesson(parser: ArgumentParser) -> None:
    """Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""
    lessons = {name: text.replace("`", "") for name, text in LESSONS.summaries().items()}
    parser.epilog = (
        f"lessons:\n{_listed(lessons, max(map(len, lessons)) + 1)}\n\nexit codes: 0 done, 2 bad input"
    )
    parser.add_argument("lesson", nargs="*", metavar="LESSON", help="which (default: all, in order)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    out = "keep lessons.json, and the plot of the lesson 'slopes', there"
    parser.add_argument("--out", metavar="DIR", help=out)


def freeze(parser: ArgumentParser) -> None:
    """Write compiled functions as C, to be called without PyTensor: by NumPy alone, or from a program in C."""
    parser.epilog = """\
examples:
  graphs freeze --out classic               the original's train, predict and evaluate, at their initial weights
  graphs freeze mine.py:f --out f           your own: a compiled function, an expression, (inputs, outputs,
                                            updates), a mapping of names to functions, or something to call
                                            that returns one

Then, in Python without PyTensor:

  frozen = graphs.frozen.load("classic")
  frozen.train(x, y); frozen.train_many(x, y, 1000); frozen.predict(x); frozen.read()

and in C: include train.h, and link with train.so. The folder holds code: load only folders that you trust.

exit codes: 0 done, 2 bad input
"""
    add = parser.add_argument
    add(
        "graph", nargs="?", default="logistic", metavar="NAME", help="logistic, module:object or file.py:name"
    )
    out = "the folder: a new one, or one of frozen functions, which is replaced"
    add("--out", metavar="DIR", help=out)


def data(parser: ArgumentParser) -> None:
    """Write random samples to a folder of NPY shards: those of `reproduce --samples N`, at any size."""
    parser.epilog = """\
examples:
  graphs data --rows 400 --out classic      the original's samples, in one shard
  graphs data --rows 10000000 --out big     63 GB in shards of 64 MiB; a shard at a time is in memory
  graphs reproduce --mesh 2 --data big      then each process reads its own rows of them

The numbers are those of NumPy's legacy stream, whatever the number of shards: x-00000.npy, … then y-00000.npy, …,
initial_w.npy and unseen_x.npy. A folder of your own may have the first two kinds only.

exit codes: 0 done, 1 the disk is full, say, 2 bad input
"""
    add = parser.add_argument
    add("--rows", type=whole_in, default=400, metavar="N", help="samples (default 400)")
    add("--features", type=whole_in, default=784, metavar="N", help="columns of x (default 784)")
    add("--seed", type=whole_in, default=0, help="of the stream (default 0)")
    add("--shards", type=whole_in, metavar="K", help="files of x, and as many of y (default: 64 MiB in each)")
    add("--out", metavar="DIR", help="the folder: a new or empty one")


def cache(parser: ArgumentParser) -> None:
    """Show where the native linker keeps its programs and how big they are, or remove them."""
    actions = "show (the default), or clear: remove every cached program and library"
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help=actions)


#: Every command by name: a module of graphs.commands, whose ``main`` takes what its parser made.
COMMANDS: dict[str, Callable[[ArgumentParser], None]] = {
    "reproduce": reproduce,
    "run": run,
    "inspect": inspect,
    "doctor": doctor,
    "check": check,
    "compare": compare,
    "benchmark": benchmark,
    "lesson": lesson,
    "freeze": freeze,
    "data": data,
    "cache": cache,
}


class _Answer(argparse.Action):
    """Prints what its `const` makes of the parser and the value, and ends, as --help does."""

    def __call__(self, parser: ArgumentParser, namespace: object, value: Any, option: object = None) -> None:
        print(self.const(parser, value))
        parser.exit()


def _version(parser: ArgumentParser, value: object) -> str:
    from importlib import metadata  # takes as long as everything else here

    try:
        return f"{parser.prog} {metadata.version(DISTRIBUTION)}"
    except metadata.PackageNotFoundError:
        return f"{parser.prog}, of no version: {DISTRIBUTION} is not installed here"


def _completion(parser: ArgumentParser, shell: str) -> str:
    import shtab  # takes as long as everything else here

    (commands,) = (action.choices for action in parser._actions if isinstance(action.choices, dict))
    for each in (action for command in commands.values() for action in command._actions):
        if each.metavar in ("FILE", "DIR"):
            each.complete = shtab.FILE if each.metavar == "FILE" else shtab.DIRECTORY
    return str(shtab.complete(parser, shell))


class _Parser(ArgumentParser):
    """Refuses as everything here does; takes no option by a part of its name, which another may share tomorrow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say in our words what argparse says in its own."""
        argument, _, problem = message.removeprefix("argument ").partition(": ")
        for said, found, allowed in _SAID:
            if match := re.fullmatch(said, problem, re.DOTALL):
                may_be = match.expand(allowed).replace("'", "")
                raise InputError(argument, found=match.expand(found), allowed=may_be)
        raise InputError("arguments", found=message, allowed=f"what {self.prog} --help tells")


# What argparse says of an argument (3.11 to 3.14); what was found, and what is allowed.
_SAID = (
    (r"expected one argument", "nothing", "one value"),
    (r"expected at least one argument", "nothing", "one value or more"),
    (r"ignored explicit argument (.*)", r"\1", "no value"),
    (r"invalid choice: (.*) \(choose from (.*)\)", r"\1", r"\2"),
)


def parser() -> ArgumentParser:
    """The parser of all commands; what it returns names one as ``command``."""
    whole = _Parser(
        prog="graphs",
        description="Theano's logistic-regression example on PyTensor, and a look at what the compiler did to it.",
        epilog="graphs COMMAND --help tells the options of a command.",
    )
    hidden: dict[str, Any] = {"action": _Answer, "default": argparse.SUPPRESS}
    whole.add_argument("--version", nargs=0, const=_version, help="show it and end", **hidden)
    shells = "show what makes that shell complete commands, options and files, and end"
    whole.add_argument(
        "--print-completion", const=_completion, choices=("bash", "zsh", "tcsh"), help=shells, **hidden
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, fill in COMMANDS.items():
        text = fill.__doc__ or ""
        fill(
            commands.add_parser(
                name, help=text, description=text, formatter_class=RawDescriptionHelpFormatter
            )
        )
    return whole


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line says.

    Its numbers are numbers where they are written as such (:func:`graphs.errors.whole_in`): whoever uses one refuses the
    others by name, and knows the bounds.

    Raises
    ------
    InputError
        If there is no such command or option, or an option has no value, an empty one, or one too many.
    """
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if equals and value == "--":  # Python 3.11 would take it for the end of the options, and fall over it
            raise InputError(option.lstrip("-").replace("-", "_"), found="'--'", allowed="a value")
    given, unknown = parser().parse_known_args(arguments)
    prog = f"graphs {given.command or ''}".rstrip()
    if unknown:
        found = ", ".join(map(quoted, unknown))
        raise InputError("arguments", found=found, allowed=f"what {prog} --help tells")
    if given.command is None:
        raise command_missing("none")
    for name, value in vars(given).items():
        if value == "" or (isinstance(value, list) and "" in value):
            raise InputError(name, found="''", allowed="a value", remedy="give one, or leave the option out")
    return given


def command_missing(found: str) -> InputError:
    """The refusal of what is no command."""
    remedy = "graphs --help tells what each does"
    return InputError("command", found=found, allowed=", ".join(COMMANDS), remedy=remedy)
