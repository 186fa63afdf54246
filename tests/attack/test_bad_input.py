"""Bad input, over all commands and the API: one sentence that names the argument, and nothing done.

Each table has a case on a line: what is given ``→`` a part of the sentence that must come.
"""

from __future__ import annotations

import math
import shlex
import signal
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import graphs
from graphs import peers
from graphs.data import Dataset
from graphs.errors import InputError
from graphs.experiment.reproduction import build as prepared
from graphs.experiment.reproduction import reproduce
from graphs.experiment.settings import Settings
from graphs.gram_functions import compile_gram
from graphs.inspection import align, diagnose, inspect, load, page, save
from graphs.inspection.file import from_json
from graphs.native import repeat
from graphs.peers import benchmark, compare
from graphs.solving import Optimum, certify, find_optimum
from graphs.training import Progress
from tests.forked import Forks

#: What a command line below may hold and a line of text cannot.
NAMES = {
    "huge": "1" + "0" * 400,  # more than any float
    "vast": "9" * 5000,  # more digits than Python reads
    "escape": "\x1b]0;owned\x07",
    "long": "x" * 100_000,
    "line": "a\nb",
    "bad": "\udcff",  # a byte that is no UTF-8, as Python hands it on
}

REPRODUCE = """
--samples 0 → samples: found 0; allowed: a whole number ≥ 1
--samples -1 → samples: found -1
--samples -0 → samples: found 0
--samples {huge} → samples: found a number of about 401 digits
--samples {vast} → samples: found
--samples nan → samples: found 'nan'
--samples inf → samples: found 'inf'
--samples 1_000 → samples: found '1_000'
--samples １２ → samples: found '１２'
--samples ² → samples: found '²'
--samples ' 5 ' → samples: found ' 5 '
--samples 0x10 → samples: found '0x10'
--samples 1e3 → samples: found '1e3'
--samples 2.0 → samples: found '2.0'
--samples True → samples: found 'True'
--samples '' → samples: found ''
--samples= → samples: found ''
--samples=-- → samples: found '--'
--samples → --samples: found nothing
--samples {escape} → samples: found
--samples {line} → samples: found 'a\\nb'
--samples {long} → (100,002 characters)
--samples 1000000000000 → samples
--samples 1000000 --features 1000000 → GiB
--samples 1 --features 1000000000000 → GiB
--features 0 → features: found 0
--features -784 → features: found -784
--features {huge} → features: found
--features 3,4 → features: found '3,4'
--features 1000000000000000000000 → features
--seed -1 → seed: found -1; allowed: a whole number from 0 to 4294967295
--seed 4294967296 → seed: found 4294967296
--seed 0.0 → seed: found '0.0'
--seed None → seed: found 'None'
--seed {huge} → seed: found
--steps 0 → steps: found 0
--steps -5 → steps: found -5
--steps 10000000000000000000 --every 10000000000000000000 → steps: found
--steps {huge} → steps: found
--steps 1000000000000 --every 1 → every
--steps 1000000000000000 --every 10 --out o → every
--steps x → steps: found 'x'
--steps 1e4 → steps: found '1e4'
--every 0 → every: found 0
--every -3 → every: found -3
--every 1.5 → every: found '1.5'
--every {huge} → every: found
--learning-rate 0 → learning_rate: found 0
--learning-rate -0.1 → learning_rate: found -0.1
--learning-rate -0 → learning_rate
--learning-rate nan → learning_rate: found 'nan'
--learning-rate inf → learning_rate: found 'inf'
--learning-rate=-inf → learning_rate: found '-inf'
--learning-rate 1e400 → learning_rate: found '1e400'
--learning-rate {huge} → learning_rate: found
--learning-rate=-- → learning_rate: found '--'
--learning-rate -- → --learning-rate: found nothing
--learning-rate x → learning_rate: found 'x'
--learning-rate 0,1 → learning_rate: found '0,1'
--learning-rate 1_0.0 → learning_rate: found '1_0.0'
--learning-rate ０.１ → learning_rate: found
--learning-rate 0x1p-3 → learning_rate: found
--learning-rate 1e-400 → learning_rate
--learning-rate '' → learning_rate: found ''
--learning-rate 1e300 --dtype float32 → learning_rate
--learning-rate 1e-60 --dtype float32 → learning_rate
--weight-decay -0.01 → weight_decay: found -0.01; allowed: a finite number ≥ 0
--weight-decay nan → weight_decay: found 'nan'
--weight-decay 1e400 → weight_decay: found '1e400'
--weight-decay 1e39 --dtype float32 → weight_decay
--weight-decay none → weight_decay: found 'none'
--formula x → formula: found 'x'; allowed: textbook, logits
--formula Textbook → formula: found 'Textbook'
--formula softplus → formula: found 'softplus'
--formula '' → formula: found ''
--mode x → mode: found 'x'
--mode '' → mode: found ''
--mode {escape} → mode: found
--dtype float16 → dtype: found 'float16'; allowed: float64, float32
--dtype '' → dtype: found ''
--dtype FLOAT64 → dtype: found 'FLOAT64'
--data '' → data: found ''
--data no.csv → data: found
--data . → data: found
--data folder.csv → data: found
--data mine.txt → data: found
--data empty.csv → data: found
--data text.csv → data
--data {escape}.csv → data: found
--data {bad}.csv → data: found
--data mine.csv --seed -1 → seed: found -1
--out '' → out: found ''
--out mine.csv → out: found
--out mine.csv/o → out: found
--out /proc/o → out: found
--out {long} → out: found
--out held → out: found
--resume → resume: found no folder
--checkpoint-every 0 → checkpoint_every: found 0
--checkpoint-every x → checkpoint_every: found 'x'
--checkpoint-every {huge} → checkpoint_every: found
--nosuch → --nosuch
--nosuch=3 → --nosuch
--{escape} → reproduce
--sample 5 → --sample
--s 5 → --s
-x → -x
5 → 5
{long} → characters
--quiet=1 → --quiet
--json=x → --json
--width 80 → --width
--threads 2 → --threads
--runs numpy → --runs
-- --samples 5 → --samples
"""

INSPECT = """
--seed -1 → seed: found -1
--seed x → seed: found 'x'
--seed {huge} → seed: found
--width 0 → width: found 0; allowed: a whole number from 40 to 1000
--width -1 → width: found -1
--width 1000000000 → width: found 1000000000
--width x → width: found 'x'
--width {vast} → width: found
--load one.json --step 0 → step: found 0
--load one.json --step -1 → step: found -1
--load one.json --step 99 → step: found 99
--load one.json --step {huge} → step: found
--load one.json --step x → step: found 'x'
--load one.json --step '' → step: found ''
--load one.json --code ² → code: found '²'
--load one.json --code 99 → code: found '99'
--load one.json --code -1 → code
--load one.json --code x → code: found 'x'
--load one.json --code '' → code: found ''
--load one.json --code {escape} → code: found
--load one.json --rule nosuch → rule: found
--load one.json --rule '' → rule: found ''
--load one.json --phase nosuch → phase: found
--load one.json --phase '' → phase: found ''
--load one.json --against '' → against: found ''
--load one.json --against no.json → found
--load '' → load: found ''
--load no.json → found no.json
--load . → found .
--load mine.csv → mine.csv
--load {escape} → found
--load {long} → found
--json '' → json: found ''
--json . → json
--json no/such.json → json
--json /proc/x.json → json
--html '' → html: found ''
--html . → html
--html no/such.html → html
--html /proc/x.html → html
--load one.json --html a.html --json a.html → html: found 'a.html'
--dtype float16 → --dtype: found 'float16'; allowed: float64, float32
--dtype '' → --dtype: found ''
--mode x → mode: found 'x'
--mode '' → mode: found ''
--graph '' → graph: found ''
--graph nosuch → graph: found 'nosuch'
--graph no.py:f → graph: found
--graph nosuch:f → graph: found
--graph : → graph: found ':'
--graph a: → graph: found 'a:'
--graph :b → graph: found ':b'
--graph math:pi → graph: found
--graph math:nosuch → graph: found
--graph {escape}:f → graph: found
--graph {long}:f → graph: found
--graph ..:f → graph: found
--graph mine.py:f --dtype float32 → dtype: found float32
--graph mine.py:f → shape
--graph mine.py:f --shape x → shape: found 'x'
--graph mine.py:f --shape '' → shape: found ''
--graph mine.py:f --shape =3 → shape: found '=3'
--graph mine.py:f --shape x= → shape
--graph mine.py:f --shape x=-3 → shape
--graph mine.py:f --shape x=3,4 → shape
--graph mine.py:f --shape x=² → shape
--graph mine.py:f --shape x=1_0 → shape
--graph mine.py:f --shape z=3 → shape
--graph mine.py:f --shape x=9999999999999999 → shape
--graph mine.py:f --shape x=1000000000000 → shape
--graph mine.py:f --shape x={vast} → shape
--graph mine.py:m --shape x=1000000,1000000 → GiB
--against x → against: found 'x'
--nosuch → --nosuch
--quick=1 → --quick
--out o → --out
--steps 3 → --steps
x → x
"""

COMPARE = """
--runs → --runs: found nothing
--runs nosuch → runs: found 'nosuch'
--runs '' → runs: found ''
--runs numpy numpy → runs: found numpy, numpy; allowed: each name once
--runs native → runs: found 'native'
--runs {escape} → runs: found
--formulas x → formulas: found 'x'
--formulas logits logits → formulas: found
--formulas softplus --runs numpy → formulas: found softplus
--formulas '' → formulas: found ''
--steps 0 → steps: found 0
--steps 100000000000000000000 → steps: found
--steps 1000000000000000 --runs numpy → steps
--steps nan → steps: found 'nan'
--rounds 0 → rounds: found 0
--rounds 1000000000000 → rounds: found 1000000000000
--rounds x → rounds: found 'x'
--threads 0 → threads: found 0
--threads 1000000 → threads: found 1000000
--threads 1,2 → threads: found '1,2'
--starts -1 → starts: found -1
--starts 1000000000000 → starts: found
--sizes → --sizes: found nothing
--sizes= → sizes: found ''
--sizes '' → sizes: found ''
--sizes x → sizes: found 'x'
--sizes 0x5 → sizes: found '0x5'
--sizes 5x → sizes: found '5x'
--sizes axb → sizes: found 'axb'
--sizes 400x784x2 → sizes: found '400x784x2'
--sizes -4x5 → sizes
--sizes=-4x5 → sizes: found '-4x5'
--sizes ４x５ → sizes: found
--sizes 4x² → sizes: found '4x²'
--sizes 10000000000x10000000000 → sizes: found
--sizes 400x784 {vast}x2 → sizes: found
--timeout 0 → timeout: found 0
--timeout -1 → timeout: found -1
--timeout nan → timeout: found 'nan'
--timeout inf → timeout: found 'inf'
--timeout 1e400 → timeout: found '1e400'
--timeout 1e300 → timeout: found 1e+300
--step-limit 0 → step_limit: found 0
--step-limit nan → step_limit: found 'nan'
--step-limit x → step_limit: found 'x'
--python → --python: found nothing
--python '' → python: found ''
--python x → python: found 'x'
--python = → python: found '='
--python aesara= → python: found 'aesara='
--python =/bin/true → python: found '=/bin/true'
--python nosuch=/bin/true → python: found 'nosuch'
--python numpy=no/such --runs numpy → python: found no/such
--python numpy=/bin/true --runs numpy → python: found /bin/true
--python numpy=/bin/cat --runs numpy → python: found /bin/cat
--python numpy=mine.csv --runs numpy → python: found mine.csv
--python torch=/bin/true --runs numpy → python: found
--python numpy=a numpy=b --runs numpy → python: found
--samples 0 → samples: found 0
--features x → features: found 'x'
--seed -1 → seed: found -1
--dtype '' → dtype: found ''
--data '' → data: found ''
--data no.csv → data: found
--out '' → out: found ''
--out mine.csv → out: found
--json=3 → --json
--resume → resume: found no folder
--code --runs nosuch → runs: found 'nosuch'
--code --formulas x → formulas: found 'x'
--code --steps 0 → steps: found 0
--run numpy → --run
--only numpy → --only
x → x
"""

BENCHMARK = """
--sizes '' → sizes: found ''
--sizes= → sizes: found ''
--sizes , → sizes: found ','
--sizes 0x5 → sizes: found '0x5'
--sizes 5x → sizes: found '5x'
--sizes axb → sizes: found 'axb'
--sizes 10000000000x10000000000 → sizes: found
--sizes 400x784x2 → sizes: found '400x784x2'
--sizes 400x784,x → sizes: found 'x'
--sizes {huge}x1 → sizes: found
--dtype '' → dtype: found ''
--dtype float16 → dtype: found 'float16'
--dtype , → dtype: found ','
--threads 0 → threads: found 0
--threads '' → threads: found ''
--threads 1,x → threads: found 'x'
--threads ² → threads: found '²'
--threads 1000000 → threads: found 1000000
--threads 1,,0 → threads: found
--only nosuch → only: found 'nosuch'
--only '' → only: found ''
--only , → only: found ','
--only numpy --skip numpy → only: found no peer at all
--only numpy,numpy,nosuch → only: found 'nosuch'
--skip nosuch → skip: found 'nosuch'
--skip '' → skip: found ''
--measure '' → measure: found ''
--measure , → measure: found ','
--measure x → measure: found 'x'
--formula x → formula: found 'x'
--formula '' → formula: found ''
--rounds 0 → rounds: found 0
--rounds 1000000000000 → rounds: found 1000000000000
--rounds 1.5 → rounds: found '1.5'
--budget -1 → budget: found -1
--budget nan → budget: found 'nan'
--budget 1e400 → budget: found '1e400'
--timeout 0 → timeout: found 0
--timeout inf → timeout: found 'inf'
--timeout 1e300 → timeout: found 1e+300
--process-steps 0 → process_steps: found 0
--process-steps x → process_steps: found 'x'
--process-steps {huge} → process_steps: found
--process-rounds 0 → process_rounds: found 0
--process-rounds 1000000000000 → process_rounds: found
--model nosuch → model: found 'nosuch'
--model '' → model: found ''
--model cox --model nosuch → model: found 'nosuch'
--models=1 → --models
--json '' → json: found ''
--json . → json: found
--json no/such.json → json: found
--json /proc/x.json → json: found
--plot '' → plot: found ''
--plot . → plot: found
--plot no/such.png → plot: found
--plot /proc/x.png → plot: found
--plot mine.csv/x.png → plot: found
--quick=1 → --quick
--nosuch → --nosuch
--steps 3 → --steps
x → x
"""

LESSON = """
nosuch → lesson: found 'nosuch'
'' → lesson: found ''
if nosuch → lesson: found 'nosuch'
IF → lesson: found 'IF'
{escape} → lesson: found
{long} → lesson: found
if --out '' → out: found ''
if --out mine.csv → out: found
if --out mine.csv/o → out: found
if --out /proc/o → out: found
if --json=x → --json
if --nosuch → --nosuch
if --quiet → --quiet
-- --json → lesson: found '--json'
"""

FREEZE = """
logistic → out: found nothing
logistic --out '' → out: found ''
logistic --out mine.csv → folder: found
logistic --out mine.csv/o → folder: found
logistic --out held → folder: found
logistic --out /proc/o → folder: found
nosuch --out new → graph: found 'nosuch'
{escape} --out new → graph: found
{long} --out new → graph: found
mine.py:nosuch --out new → graph: found
--nosuch → --nosuch
--out=-- → out: found '--'
"""

RUN = """
nosuch → example: found 'nosuch'
'' → example: found ''
growth nosuch → example: found 'nosuch'
GROWTH → example: found 'GROWTH'
{escape} → example: found
{long} → example: found
growth --mode FASTEST → mode: found 'FASTEST'
growth --mode '' → mode: found ''
growth --mode {escape} → mode: found
growth --resume → resume: found no folder
growth --out '' → out: found ''
growth --out mine.csv → out: found
growth --out mine.csv/o → out: found
growth --out /proc/o → out: found
growth --json=x → --json
growth --nosuch → --nosuch
growth --steps 3 → --steps
-- --json → example: found '--json'
"""

CHECK = """
nosuch → graph: found 'nosuch'
'' → graph: found ''
no.py:f → graph: found no file no.py
mine.py:nosuch → graph: found no nosuch in mine.py
mine.txt:f → graph
folder.csv:f → graph
mine.py:f → 0 scalars of floats
{escape} → graph: found
{long} → graph: found
--wrt nosuch → wrt: found 'nosuch'
--wrt '' → wrt: found ''
--entries 0 → entries: found 0
--entries 1.5 → entries: found '1.5'
--entries {huge} → entries: found
--seed -1 → seed: found -1
--mode FASTEST → mode: found 'FASTEST'
--mode '' → mode: found ''
--input x=1 → input: found
--shape x=3 → shape: found
mine.py:c --shape x → shape: found
mine.py:c --input x=no.npy → input: found
mine.py:c --input {escape} → input: found
--nosuch → --nosuch
logistic x → x
"""

CACHE = """
burn → found 'burn'
'' → found ''
show clear → clear
clear clear → clear
--nosuch → --nosuch
{escape} → found
"""

NONE = """
'' → command: found ''
nosuch → command: found 'nosuch'
{escape} → command: found
{long} → command: found
--nosuch → --nosuch
--print-completion → --print-completion: found nothing
--print-completion cmd → --print-completion: found 'cmd'
--print-completion '' → --print-completion: found ''
--print-completion {escape} → --print-completion: found
--version=3 → --version
-v → -v
-- → '--'
"""

LINES = {
    "reproduce": REPRODUCE,
    "inspect_graph": INSPECT,
    "compare": COMPARE,
    "benchmark": BENCHMARK,
    "lesson": LESSON,
    "freeze": FREEZE,
    "run": RUN,
    "check": CHECK,
    "cache": CACHE,
    "../graphs/__main__": NONE,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some files to name."""
    folder = tmp_path_factory.mktemp("bad input")
    (folder / "mine.csv").write_text("1,2,0\n3,4,1\n5,7,0\n")
    (folder / "mine.txt").write_text("1,2,0\n")
    (folder / "empty.csv").touch()
    (folder / "text.csv").write_text("a,b,c\n1,x,0\n")
    (folder / "folder.csv").mkdir()
    (folder / "held").mkdir()
    (folder / "held" / "settings.json").write_text("{}")
    (folder / "mine.py").write_text(
        "import pytensor.tensor as pt\nx = pt.vector('x')\nf = ([x], [2 * x])\n"
        "y = pt.matrix('x')\nm = ([y], [2 * y])\nc = (x**2).sum()\n"
    )
    x = pt.vector("x", shape=(3,))
    inspect([x], pt.log(1 + x) + pt.exp(x - x), name="one").save(folder / "one.json")
    return folder


def held(folder: Path) -> dict[str, tuple[int, int]]:
    """What there is in a folder: path → when it was changed, and its size."""
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def cases(table: str) -> list[tuple[str, list[str], str]]:
    """Each line of a table: as it stands there, the arguments, what must be said."""
    lines = [line.partition(" → ") for line in table.strip().splitlines()]
    return [
        (given, [word.format_map(NAMES) for word in shlex.split(given)], said) for given, _, said in lines
    ]


@pytest.mark.parametrize("script", LINES)
def test_a_bad_command_line_is_refused_in_one_sentence(script, forks: Forks, place: Path, tally):
    name = {"inspect_graph": "inspect", "../graphs/__main__": "graphs"}.get(script, script)
    before = held(place)
    for given, arguments, said in cases(LINES[script]):
        with forks.start(script, *arguments, cwd=place) as run:
            try:
                run.wait(20)
            except Exception as hung:
                run.kill()
                tally.case(f"{name} {given}", f"runs on ({hung})")
                continue
        sentence = run.stderr.removesuffix("\n")
        problem = ""
        if run.returncode not in (1, 2) or run.stdout:
            problem = f"exit code {run.returncode}, {len(run.stdout)} characters on the output"
        elif not sentence.isprintable() or len(sentence) > 2500 or not sentence.startswith(f"{name}: "):
            problem = "not one sentence of the command's"
        elif said.format_map(NAMES) not in sentence:
            problem = "another sentence"
        elif held(place) != before:
            problem, before = "something was written", held(place)
        tally.case(f"{name} {given}", problem and f"{problem}: {sentence[:300]!r} … {sentence[-100:]!r}")


LOADING = """
load('x') → dataset
load(None) → dataset
load(['random']) → dataset
load(seed=-1) → seed
load(seed=2**32) → seed
load(seed=0.0) → seed
load(seed='0') → seed
load(seed=None) → seed
load(seed=True) → seed
load(seed=nan) → seed
load(seed=10**400) → seed
load(samples=0) → samples
load(samples=-1) → samples
load(samples=400.0) → samples
load(samples='x') → samples
load(samples=None) → samples
load(samples=np.True_) → samples
load(samples=10**12) → samples × features
load(samples=10**400) → samples
load('RANDOM') → dataset
load('random ') → dataset
load(samples=Fraction(3)) → samples
load(samples=Decimal(3)) → samples
load(samples=10**8, features=10**8) → samples × features
load(samples=1, features=10**12) → samples × features
load(features=0) → features
load(features='x') → features
load(features=[784]) → features
load(dtype='float16') → dtype
load(dtype='') → dtype
load(dtype=None) → dtype
load(dtype=np.float64) → dtype
load('plane', samples=100) → samples
load('plane', seed=1) → seed
load('hours', features=1) → features
load('four-rows', samples=None) → samples
read('no.csv') → data
read('') → data
read(None) → data
read(3) → data
read('a\\0.csv') → data
read('no.csv', seed='x') → seed
read('no.csv', dtype=3) → dtype
"""

GRAPH = """
logistic_graph(np.zeros((3, 3))) → initial_w
logistic_graph([]) → initial_w
logistic_graph(3.0) → initial_w
logistic_graph('x') → initial_w
logistic_graph(['1', '2']) → initial_w
logistic_graph([1, 2j]) → initial_w
logistic_graph([1, None]) → initial_w
logistic_graph([[1], [1, 2]]) → initial_w
logistic_graph([1, nan]) → initial_w
logistic_graph([1, inf]) → initial_w
logistic_graph([True, False]) → initial_w
logistic_graph(None) → initial_w
logistic_graph(object()) → initial_w
logistic_graph(np.array([object()])) → initial_w
logistic_graph([1e300], dtype='float32') → initial_w
logistic_graph(np.array(['2020'], 'M8[Y]')) → initial_w
logistic_graph(np.array([], float)) → initial_w
logistic_graph([10**400]) → initial_w
logistic_graph({1.0, 2.0}) → initial_w
logistic_graph({'a': 1}) → initial_w
logistic_graph(iter([1.0])) → initial_w
logistic_graph(v) → initial_w
logistic_graph([1.0], formula='LOGITS') → formula
logistic_graph([1.0], 'x') → initial_b
logistic_graph([1.0], None) → initial_b
logistic_graph([1.0], nan) → initial_b
logistic_graph([1.0], inf) → initial_b
logistic_graph([1.0], True) → initial_b
logistic_graph([1.0], [0.0]) → initial_b
logistic_graph([1.0], [0.0, 1.0]) → initial_b
logistic_graph([1.0], 1j) → initial_b
logistic_graph([1.0], 1e300, dtype='float32') → initial_b
logistic_graph([1.0], formula='x') → formula
logistic_graph([1.0], formula=None) → formula
logistic_graph([1.0], formula=logistic_graph) → formula
logistic_graph([1.0], dtype='float16') → dtype
logistic_graph([1.0], dtype=np.float64) → dtype
logistic_graph([1.0], weight_decay=-1) → weight_decay
logistic_graph([1.0], weight_decay='x') → weight_decay
logistic_graph([1.0], weight_decay=None) → weight_decay
logistic_graph([1.0], weight_decay=True) → weight_decay
logistic_graph([1.0], weight_decay=nan) → weight_decay
logistic_graph([1.0], weight_decay=[0.1]) → weight_decay
logistic_graph([1.0], weight_decay=1e300, dtype='float32') → weight_decay
logistic_graph([1.0], weight_decay=1e-60, dtype='float32') → weight_decay
"""

UPDATES = """
gradients('x', [g.w]) → cost
gradients(None, [g.w]) → cost
gradients(3.0, [g.w]) → cost
gradients(g.xent, [g.w]) → cost
gradients(pt.as_tensor(3), [g.w]) → cost
gradients(g.cost, g.w) → parameters
gradients(g.cost, None) → parameters
gradients(g.cost, 3) → parameters
gradients(g.cost, []) → parameters
gradients(g.cost, 'wb') → parameters
gradients(g.cost, [g.w, 'b']) → parameters
gradients(g.cost, [g.w, None]) → parameters
gradients(g.cost, [np.zeros(3)]) → parameters
gradients(g.cost, [g.x]) → parameters
gradients(g.cost, [g.w, g.w]) → parameters
gradients(g.cost, [pytensor.shared(1.0, name='foreign')]) → parameters
gradients(g.cost, [pytensor.shared(1, name='whole')]) → parameters
gradient_descent(g.cost, [g.w], 0) → learning_rate
gradient_descent(g.cost, [g.w], -1) → learning_rate
gradient_descent(g.cost, [g.w], 'x') → learning_rate
gradient_descent(g.cost, [g.w], None) → learning_rate
gradient_descent(g.cost, [g.w], True) → learning_rate
gradient_descent(g.cost, [g.w], nan) → learning_rate
gradient_descent(g.cost, [g.w], inf) → learning_rate
gradient_descent(g.cost, [g.w], 10**400) → learning_rate
gradient_descent(g.cost, [g.w], np.array([0.1])) → learning_rate
gradient_descent(g.cost, [g.w], 0.1j) → learning_rate
gradient_descent(g32.cost, [g32.w], 1e300) → learning_rate
gradient_descent(g32.cost, [g32.w], 1e-60) → learning_rate
gradient_descent(g.xent, [g.w]) → cost
gradient_descent('x', [g.w]) → cost
gradient_descent(g.cost, g.w) → parameters
gradient_descent(g.cost, [g.w, g.w]) → parameters
gradient_descent(g.cost, [g.p_1]) → parameters
momentum(g.cost, [g.w], 0) → learning_rate
momentum(g.cost, [g.w], decay=1) → decay
momentum(g.cost, [g.w], decay=-0.1) → decay
momentum(g.cost, [g.w], decay='x') → decay
momentum(g.cost, [g.w], decay=None) → decay
momentum(g.cost, [g.w], decay=True) → decay
momentum(g.cost, [g.w], decay=nan) → decay
momentum(g.cost, [g.w, g.w]) → parameters
momentum(g.cost, [g.x]) → parameters
momentum(g.cost, [np.zeros(3)]) → parameters
momentum(g.xent, [g.w]) → cost
"""

COMPILING = """
compile_functions(None, u) → graph
compile_functions('x', u) → graph
compile_functions(g.cost, u) → graph
compile_functions(f, u) → graph
compile_functions(g, None) → updates
compile_functions(g, 3) → updates
compile_functions(g, 'wb') → updates
compile_functions(g, [g.w]) → updates
compile_functions(g, [(g.w,)]) → updates
compile_functions(g, [(g.x, g.x)]) → updates
compile_functions(g, [(g.w, 'x')]) → updates
compile_functions(g, [(g.w, g.b)]) → updates
compile_functions(g, [(g.w, g.w), (g.w, g.w)]) → updates
compile_functions(g, [('w', g.w)]) → updates
compile_functions(g, [(g.w, pt.zeros(3, 'int8') * 1j)]) → updates
compile_functions(g, [(g.w, g.w + pt.vector('z'))]) → updates
compile_functions(g, u, 'x') → mode
compile_functions(g, u, 3) → mode
compile_functions(g, u, object()) → mode
compile_functions(g, u, True) → mode
compile_functions(g, u, b'CVM') → mode
compile_functions(g, u, ['CVM']) → mode
resolve_mode(3) → mode
resolve_mode('') → mode
resolve_mode('fast run') → mode
compile_gram(g, u, None) → x
compile_gram(g, u, 'x') → x
compile_gram(g, u, np.zeros(3)) → x
compile_gram(g, u, np.zeros((2, 2))) → x
compile_gram(g, u, np.zeros((0, 3))) → x
compile_gram(g, u, np.full((2, 3), nan)) → x
compile_gram(g, u, np.full((2, 3), inf)) → x
compile_gram(g, u, np.zeros((2, 3), int)) → x
compile_gram(g, u, np.zeros((2, 3), 'float32')) → x
compile_gram(g, u, [[1, 2, 3], [4, 5]]) → x
compile_gram(g, u, np.zeros((2, 3), object)) → x
compile_gram(g, u, np.zeros((2, 3), complex)) → x
compile_gram(None, u, x) → graph
compile_gram(g, None, x) → updates
compile_gram(g, [g.w], x) → updates
compile_gram(g, u, x, 'x') → mode
compile_gram(g, u, x, 3) → mode
m.train(x + 1, y) → x
m.train_many(x + 1, y, 3) → x
m.train_many(x, y, 0) → n
m.train_many(x, y, 'x') → n
m.train(None, y) → x
m.write({}) → state['w']
m.write(None) → state
m.train_many(x, None, 3) → inputs
m.write({'w': ['x', 'y', 'z'], 'b': 0.0}) → state['w']
f.write({}) → state['w']
f.write(None) → state
f.write({'w': np.zeros(4), 'b': 0.0}) → state['w']
f.write({'w': np.zeros(3)}) → state['b']
f.write({'w': np.zeros(3), 'b': 'x'}) → state['b']
f.write({'w': np.ones(3), 'b': None}) → state['b']
f.write({'w': np.ones(3), 'b': 1j}) → state['b']
"""

TRAINING = """
fit(f, x, y, steps=0) → steps
fit(f, x, y, steps=-1) → steps
fit(f, x, y, steps=2.0) → steps
fit(f, x, y, steps='x') → steps
fit(f, x, y, steps=None) → steps
fit(f, x, y, steps=True) → steps
fit(f, x, y, steps=nan) → steps
fit(f, x, y, steps=10**16, every=10**16) → steps
fit(f, x, y, steps=10**400) → steps
fit(f, x, y, steps=10**15) → every
fit(f, x, y, steps=10**12, every=10) → every
fit(f, x, y, steps=5, every=0) → every
fit(f, x, y, steps=5, every=None) → every
fit(f, x, y, steps=5, every='x') → every
fit(f, x, y, steps=5, every=1.0) → every
fit(f, x, y, steps=5, checkpoint_every=0) → checkpoint_every
fit(f, x, y, steps=5, checkpoint_every=None) → checkpoint_every
fit(f, x, y, steps=5, checkpoint_every='x') → checkpoint_every
fit(f, x[:0], y[:0], steps=5) → x
fit(f, x[:, :0], y, steps=5) → x
fit(f, x[:, :2], y, steps=5) → x
fit(f, x.T, y[:3], steps=5) → x
fit(f, x[0], y, steps=5) → x
fit(f, x[None], y, steps=5) → x
fit(f, None, y, steps=5) → x
fit(f, 'x', y, steps=5) → x
fit(f, x.astype(str), y, steps=5) → x
fit(f, x.astype(object), y, steps=5) → x
fit(f, x.astype(complex), y, steps=5) → x
fit(f, np.where(x == x[1, 1], nan, x), y, steps=5) → x
fit(f, np.where(x == x[1, 1], inf, x), y, steps=5) → x
fit(f, [[1, 2, 3], [4, 5]], y[:2], steps=5) → x
fit(f, x, y[:2], steps=5) → y
fit(f, x, y[:0], steps=5) → y
fit(f, x, y[:, None], steps=5) → y
fit(f, x, y[0], steps=5) → y
fit(f, x, None, steps=5) → y
fit(f, x, 'x', steps=5) → y
fit(f, x, y + 1, steps=5) → y
fit(f, x, y - 1, steps=5) → y
fit(f, x, y * 0.5, steps=5) → y
fit(f, x, y * nan, steps=5) → y
fit(f, x, y.astype(str), steps=5) → y
fit(f, x, y.astype(object), steps=5) → y
fit(f, x, y * 1j, steps=5) → y
fit(None, x, y, steps=5) → learner
fit('x', x, y, steps=5) → learner
fit(object(), x, y, steps=5) → learner
fit(f.train, x, y, steps=5) → learner
fit(f, x, y, steps=5, progress='x') → progress
fit(f, x, y, steps=5, progress=3) → progress
fit(f, x, y, steps=5, progress={}) → progress
fit(f, x, y, steps=5, progress=far) → progress
fit(f, x, y, steps=4, progress=far) → progress.step
fit(f, x, y, steps=4, every=2, progress=wide) → state['w']
fit(f, x, y, steps=5, checkpoint='x') → checkpoint
fit(f, x, y, steps=5, checkpoint=3) → checkpoint
fit(f, x, y, steps=5, stop=True) → stop
fit(f, x, y, steps=5, stop='x') → stop
fit(f, x, y, steps=5, stop=None) → stop
fit(f, x, y, steps=5, listener='x') → listener
fit(f, x, y, steps=5, listener=print) → listener
fit(broken(f, nan), x, y, steps=5) → learner
fit(broken(f, inf), x, y, steps=5) → learner
f.train_many(x, y, 0) → n
f.train_many(x, y, -1) → n
f.train_many(x, y, 2.0) → n
f.train_many(x, y, True) → n
f.train_many(x, y, None) → n
f.train_many(x, y, 'x') → n
f.train_many(x, y, 10**15) → steps
f.train_many(x, y, 10**12) → steps
f.train_many(x, y, 10**400) → n
f.train_many(None, y, 2) → inputs
f.train_many(x[:, :2], y, 2) → inputs
f.train_many(x, y[:2], 2) → inputs
f.train_many('x', y, 2) → inputs
repeat(f.train, 0, [x, y]) → steps
repeat(f.train, 'x', [x, y]) → steps
repeat(f.train, 2, [x]) → inputs
repeat(f.train, 2, [x, y, y]) → inputs
repeat(f.train, 2, None) → inputs
repeat(f.train, 2, 3) → inputs
repeat(f.train, 2, ['x', y]) → inputs
repeat(f.train, 2, [x, y], keep=[2]) → keep
repeat(f.train, 2, [x, y], keep=[-1]) → keep
repeat(f.train, 2, [x, y], keep=['0']) → keep
repeat(f.train, 2, [x, y], keep=[True]) → keep
repeat(f.train, 2, [x, y], keep=[0.0]) → keep
repeat(f.train, 2, [x, y], keep=3) → keep
repeat(f.train, 2, [x, y], keep='x') → keep
repeat(f, 2, [x, y]) → fn
repeat(None, 2, [x, y]) → fn
repeat(print, 2, [x, y]) → fn
find_optimum(f, x, y * 0) → y
find_optimum(f, x, y * 0 + 1) → y
find_optimum(f, x, y[:2]) → y
find_optimum(f, x, y + 1) → y
find_optimum(f, x, None) → y
find_optimum(f, x[:, :2], y) → x
find_optimum(f, x * nan, y) → x
find_optimum(f, None, y) → x
find_optimum(None, x, y) → learner
find_optimum(broken(f, nan), x, y) → learner
certify('x', np.zeros(3), o, 0.01) → cost
certify(None, np.zeros(3), o, 0.01) → cost
certify(1.0, np.zeros(4), o, 0.01) → w
certify(1.0, 'x', o, 0.01) → w
certify(1.0, None, o, 0.01) → w
certify(1.0, np.zeros(3), None, 0.01) → optimum
certify(1.0, np.zeros(3), o, -1) → weight_decay
certify(1.0, np.zeros(3), o, nan) → weight_decay
certify(1.0, np.zeros(3), o, 'x') → weight_decay
certify(1.0, np.zeros(3), o, True) → weight_decay
Settings(steps=0).load() → steps
Settings(steps='x').load() → steps
Settings(every=None).load() → every
Settings(steps=10**15, every=1).load() → every
Settings(learning_rate='x').load() → learning_rate
Settings(learning_rate=True).load() → learning_rate
Settings(learning_rate=1e-60, dtype='float32').load() → learning_rate
Settings(weight_decay=None).load() → weight_decay
Settings(formula=3).load() → formula
Settings(mode=3).load() → mode
Settings(dtype=None).load() → dtype
Settings(data=3).load() → data
Settings(seed=nan).load() → seed
reproduce(Settings(steps=0)) → steps
prepared(Settings(steps=0), d) → steps
prepared(Settings(learning_rate='x'), d) → learning_rate
prepared(Settings(steps=3), 'x') → dataset
prepared(Settings(steps=3), replace(d, x=d.x[:, :2])) → x
prepared(Settings(steps=3), replace(d, y=d.y + 1)) → y
prepared(Settings(steps=3), replace(d, initial_w=None)) → initial_w
prepared(None, d) → settings
prepared({'steps': 3}, d) → settings
build('numpy', replace(d, x=d.x[:, :2])) → data.initial_w
build('numpy', replace(d, y=d.y[:2])) → data.y
build('numpy', replace(d, y=d.y + 1)) → data.y
build('numpy', replace(d, x=d.x.astype(int))) → data.x.dtype
build('numpy', replace(d, x=d.x * nan)) → data.x
build('numpy', replace(d, x=d.x[0])) → data.x
build('numpy', replace(d, initial_w=d.initial_w * nan)) → data.initial_w
build('numpy', replace(d, initial_b='x')) → data.initial_b
build('numpy', None) → data
build('numpy', d, 'x') → formula
build('nosuch', d) → framework
build(None, d) → framework
build('numpy', d, learning_rate=0) → learning_rate
build('numpy', d, learning_rate='x') → learning_rate
build('numpy', d, weight_decay=-1) → weight_decay
build('numpy', d, weight_decay=None) → weight_decay
"""

INSPECTING = """
inspect(None) → what
inspect(3) → what
inspect('x') → what
inspect(print) → what
inspect(v) → what
inspect(lambda: v) → what
inspect({}) → what
inspect(f.train, [v]) → outputs
inspect(f.train, mode='CVM') → mode
inspect(f.train, updates=[(g.w, g.w)]) → updates
inspect(['x'], [v]) → expression
inspect([3], [v]) → expression
inspect([v], ['x']) → expression
inspect([v], 3) → expression
inspect([v], [g.x]) → expression
inspect([v, v], [v]) → expression
inspect([v], [v], [(v, v)]) → expression
inspect([v], [v], 3) → expression
inspect([v], [v], mode='x') → mode
inspect([v], [v], mode=3) → mode
inspect([v], [v], name=3) → name
i.evaluate() → shapes['v']
i.evaluate(1, 2) → inputs
i.evaluate('x') → inputs['v']
i.evaluate(np.zeros((2, 2))) → inputs['v']
i.evaluate(np.zeros(3, complex)) → inputs['v']
i.evaluate({'z': 1}) → inputs['z']
i.evaluate({3: 1}) → inputs[3]
i.evaluate(shapes={'v': (2, 2)}) → shapes['v']
i.evaluate(shapes={'v': (-1,)}) → shapes['v']
i.evaluate(shapes={'v': ('x',)}) → shapes['v']
i.evaluate(shapes={'v': 3}) → shapes['v']
i.evaluate(shapes={'v': (2.0,)}) → shapes['v']
i.evaluate(shapes={'v': (True,)}) → shapes['v']
i.evaluate(shapes={'v': (10**400,)}) → shapes['v']
i.evaluate(shapes={'v': (10**13,)}) → shapes['v']
i.evaluate(shapes={'z': (3,)}) → shapes['z']
i.evaluate(shapes=3) → shapes
i.evaluate(shapes='x') → shapes
i.evaluate(shapes=[(3,), (3,)]) → shapes
i.evaluate(shapes={'v': (3,)}, seed=-1) → seed
i.evaluate(shapes={'v': (3,)}, seed='x') → seed
i.evaluate(shapes={'v': (3,)}, seed=1.5) → seed
i.evaluate(shapes={'v': (3,)}, seed=True) → seed
i.leave_out([1.0], rules='nonsense') → rules
i.leave_out([1.0], rules=['nonsense']) → rules
i.leave_out([1.0], rules=3) → rules
i.leave_out([1.0], rules=[3]) → rules
i.leave_out([1.0], rounds=-1) → rounds
i.leave_out([1.0], rounds='x') → rounds
i.leave_out('nonsense') → inputs['v']
i.leave_out([1.0], listener=3) → listener
i.measure([1.0], seconds=0) → seconds
i.measure([1.0], seconds=-1) → seconds
i.measure([1.0], seconds=nan) → seconds
i.measure([1.0], seconds='x') → seconds
i.measure([1.0], rounds=0) → rounds
i.measure([1.0], rounds='x') → rounds
i.measure([1.0], rounds=1.5) → rounds
i.diagnose(['nonsense']) → names
i.diagnose('nonsense') → names
i.diagnose(3) → names
i.examine([1.0], parts=['nonsense']) → parts
i.examine([1.0], parts='values') → parts
i.examine([1.0], parts=3) → parts
i.examine([1.0], rounds=0) → rounds
i.examine([1.0], listener=3) → listener
i.save('') → path
i.save('no/such.json') → path
i.save('.') → path
i.save(3) → path
i.save(None) → path
page(i) → recording
page(None) → recording
page(i.recording, 3) → beside
i.page().save('') → path
i.page().save('no/such.html') → path
i.page().save('.') → path
i.page().save(3) → path
i.evaluate([10**400]) → inputs['v']
i.evaluate(object()) → inputs['v']
i.evaluate(None) → shapes['v']
whole.evaluate([1.5]) → inputs['n']
whole.evaluate([2**40]) → inputs['n']
whole.evaluate([10**400]) → inputs['n']
i.evaluate(shapes={'v': (3,)}, seed=10**400) → seed
i.measure([1.0], seconds=inf) → seconds
i.measure([1.0], rounds=10**400) → rounds
i.examine([1.0], parts='doctor') → parts
inspect([v], [v], [(g.w, 'x')]) → expression
inspect([v], [v], givens=[(v, 3)]) → expression
inspect([v], [v], givens={v: 2 * v}) → expression
inspect([v], [v], mode=b'CVM') → mode
inspection_load(raising) → path
i.save(raising) → path
read(raising) → data
save(i, 'a.json') → recording
save(None, 'a.json') → recording
from_json(None) → text
from_json('') → text
align(i, i) → first
inspection_load('no.json') → path
inspection_load('') → path
inspection_load('.') → path
inspection_load(3) → path
inspection_load(None) → path
inspection_load('a\\0') → path
diagnose('x') → mode
align(None, None) → first
align(i.recording, 'x') → second
Plan(steps=0) → steps
Plan(steps='x') → steps
Plan(steps=True) → steps
Plan(runs=()) → runs
Plan(runs='numpy') → runs
Plan(runs=('numpy', 'numpy')) → runs
Plan(formulas=('x',)) → formulas
Plan(rounds=0) → rounds
Plan(threads=None) → threads
Plan(threads=10**6) → threads
Plan(warm_starts=-1) → warm_starts
Plan(timeout=nan) → timeout
Plan(timeout='x') → timeout
Plan(step_limit=0) → step_limit
Plan(sizes=((0, 5),)) → sizes
Plan(sizes=((5,),)) → sizes
Plan(sizes=('400x784',)) → sizes
Plan(sizes=((10**10, 10**10),)) → sizes
Plan(interpreters={'nosuch': 'x'}) → python
Plan(interpreters={'numpy': 3}) → python
compare(None) → data
compare(replace(d, x=d.x * nan)) → data.x
compare(d, 'x') → plan
BenchmarkPlan(sizes=()) → sizes
BenchmarkPlan(sizes=('x',)) → sizes
BenchmarkPlan(sizes=(3,)) → sizes
BenchmarkPlan(sizes=('5x5',), rounds=0) → rounds
BenchmarkPlan(sizes=('5x5',), threads=()) → threads
BenchmarkPlan(sizes=('5x5',), threads=(0,)) → threads
BenchmarkPlan(sizes=('5x5',), dtypes=()) → dtype
BenchmarkPlan(sizes=('5x5',), measure=()) → measure
BenchmarkPlan(sizes=('5x5',), peers=()) → only
BenchmarkPlan(sizes=('5x5',), formula=None) → formula
BenchmarkPlan(sizes=('5x5',), problems=()) → problems
BenchmarkPlan(sizes=('5x5',), problems=(3,)) → problems
BenchmarkPlan(sizes=('5x5',), problems=('9999999999x999999x2',)) → problems
BenchmarkPlan(sizes=('5x5',), penalties=()) → penalties
BenchmarkPlan(sizes=('5x5',), penalties=(1,)) → penalties
BenchmarkPlan(sizes=('5x5',), penalties=('C=nan',)) → penalties
BenchmarkPlan(sizes=('5x5',), models=()) → model
BenchmarkPlan(sizes=('5x5',), models=(3,)) → model
BenchmarkPlan(sizes=('5x5',), timeout=inf) → timeout
BenchmarkPlan(sizes=('5x5',), budget=nan) → budget
BenchmarkPlan(sizes=('5x5',), sample_seconds=0) → sample_seconds
BenchmarkPlan(sizes=('5x5',), sample_seconds='x') → sample_seconds
benchmark('x') → plan
benchmark(None) → plan
"""

CALLS = {
    "loading": LOADING,
    "graph": GRAPH,
    "updates": UPDATES,
    "compiling": COMPILING,
    "training": TRAINING,
    "inspecting": INSPECTING,
}


def broken(functions, value):
    """The same functions, with a weight that is no number."""
    functions.graph.w.set_value(np.array([1.0, value, 1.0]))
    return functions


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """What the calls of the tables are made of."""
    x, y = np.arange(12.0).reshape(4, 3) / 12, np.array([0, 1, 0, 1])
    g, g32 = graphs.logistic_graph(np.ones(3)), graphs.logistic_graph(np.ones(3), dtype="float32")
    u, v = graphs.gradient_descent(g.cost, [g.w, g.b]), pt.vector("v")
    n = pt.ivector("n")
    far, wide = (Progress.fresh({"w": np.ones(n), "b": np.zeros(())}, 4, n - 2) for n in (3, 4))
    far.step = 9
    return {
        **{name: getattr(graphs, name) for name in graphs.__all__},
        **{
            function.__name__: function
            for function in (align, diagnose, inspect, page, repeat, reproduce, Settings)
        },
        **{
            function.__name__: function for function in (broken, certify, compile_gram, find_optimum, replace)
        },
        **{function.__name__: function for function in (peers.build, benchmark.benchmark, compare.compare)},
        "Plan": compare.Plan,
        "prepared": prepared,
        "BenchmarkPlan": benchmark.Plan,
        "inspection_load": load,
        "nan": math.nan,
        "inf": math.inf,
        "np": np,
        "pt": pt,
        "pytensor": pytensor,
        **{"x": x, "y": y, "g": g, "g32": g32, "u": u, "v": v, "far": far, "wide": wide},
        "f": graphs.compile_functions(g, u, "NATIVE"),
        "m": compile_gram(g, u, x, even_if_it_loses=True),
        "o": Optimum(np.zeros(3), 0.0, 0.5, 0.0, 1),
        "d": Dataset("mine", x, y, np.ones(3)),
        "save": save,
        "from_json": from_json,
        "raising": Raising(),
        "Fraction": Fraction,
        "Decimal": Decimal,
        "whole": inspect([n], [2 * n]),
        "i": inspect([v], [pt.log(1 + v) + pt.exp(v - v)]),
    }


class Raising:
    """A path that has none."""

    def __fspath__(self) -> str:
        raise RuntimeError("no path today")


def ring(number: int, frame: object) -> None:
    raise TimeoutError("it goes on and on")


@pytest.mark.parametrize("room", CALLS)
def test_a_bad_argument_is_refused_by_its_name(room, names, tmp_path, monkeypatch, tally):
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGALRM, ring)
    learners = [names["f"], names["m"]]
    for expression, _, argument in (line.partition(" → ") for line in CALLS[room].strip().splitlines()):
        for learner in learners:
            learner.write({"w": np.ones(3), "b": np.zeros(())})
        problem = ""
        signal.alarm(20)
        try:
            result = eval(expression, dict(names))
        except InputError as refusal:
            if refusal.argument != argument:
                problem = f"names another argument: {refusal}"
        except BaseException as error:
            problem = f"{type(error).__name__}: {str(error)[:200]}"
        else:
            problem = f"returns {result!r:.200}"
        finally:
            signal.alarm(0)
        if not problem and "broken(" not in expression:
            for learner in learners:
                state = learner.read()
                if not (state["w"] == 1).all() or state["b"] != 0:
                    problem = "the learner has changed"
        tally.case(expression, problem)
    assert not list(tmp_path.iterdir())
