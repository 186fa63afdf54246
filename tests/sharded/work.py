"""What tests of this folder run in a process with 8 devices: ``python -m tests.sharded.work NAME …`` prints JSON."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import jax
import numpy as np

import graphs
from graphs.errors import InputError
from graphs.reading import shards_of
from graphs.sharded import compile_functions
from graphs.sharded.functions import is_transposed_times_column
from graphs.shards import draw_shards
from graphs.training import Batches, Diverged

RULES = {
    "plain": graphs.gradient_descent,
    "adam, clipped": lambda cost, parameters: graphs.adam(
        graphs.clip_by_norm(graphs.gradients(cost, parameters), 0.5), parameters, 0.05
    ),
}


def furthest(one, other):
    """The largest difference of two states or histories, relative to the largest number of each array."""
    return max(
        float(np.nanmax(np.abs(one[name] - other[name])) / max(np.nanmax(np.abs(other[name])), 1e-300))
        for name in other
    )


def model(data, rule="plain", **options):
    graph = graphs.logistic_graph(data.initial_w, **options)
    return graph, RULES[rule](graph.cost, [graph.w, graph.b])


def agreement():
    """Samples that divide by nothing, 30 steps, on every mesh and with every rule."""
    data = graphs.load("random", samples=41, features=12)
    found = {}
    for rule in RULES:
        alone = graphs.compile_functions(*model(data, rule), "CVM")
        expected = graphs.fit(alone, data.x, data.y, steps=30, every=7)
        for mesh in ("3", "8", "2x2"):
            sharded = compile_functions(*model(data, rule), mesh)
            progress = graphs.fit(sharded, data.x, data.y, steps=30, every=7)
            found[f"{rule} {mesh}"] = {
                "state": furthest(progress.state, expected.state),
                "history": furthest(vars(progress.history), vars(expected.history)),
                "counters": [
                    progress.first_perfect_call == expected.first_perfect_call,
                    progress.mistakes_since == expected.mistakes_since,
                    bool(np.isclose(progress.first_mean_xent, expected.first_mean_xent, rtol=1e-13)),
                ],
            }
    return found


def contract():
    """The Functions contract, call by call, beside the ordinary functions."""
    data = graphs.load("random", samples=13, features=6)
    y = data.y.astype(float)
    plain, sharded = graphs.compile_functions(*model(data), "CVM"), compile_functions(*model(data), 4)
    pairs = {}
    for name, call in {
        "predict": lambda f: [f.predict(data.x)],
        "unseen": lambda f: [f.predict(data.unseen_x)],
        "evaluate": lambda f: f.evaluate(data.x, y),
        "labels": lambda f: f.evaluate(data.x, data.y),
        "train": lambda f: f.train(data.x, y),
        "train_many": lambda f: f.train_many(data.x, y, 5),
        "read": lambda f: list(f.read().values()),
    }.items():
        one, other = call(plain), call(sharded)
        pairs[name] = [
            [
                np.shape(a) == np.shape(b),
                np.asarray(a).dtype == np.asarray(b).dtype,
                bool(np.allclose(a, b, rtol=1e-13, atol=1e-15)),
            ]
            for a, b in zip(one, other, strict=True)
        ]
    before = sharded._state["w"]
    sharded.train(data.x, y)
    placed = sharded.place(data.x, data.y)
    state = sharded.read()
    state["w"][0] = 7
    sharded.write(state)
    problems = []
    for wrong in ({"w": state["w"]}, {"w": state["w"][1:], "b": 0.0}):
        try:
            sharded.write(wrong)
        except InputError as error:
            problems.append(str(error))
    return {
        "pairs": pairs,
        "donated": before.is_deleted(),
        "written": float(sharded.read()["w"][0]),
        "problems": problems,
        "devices": sorted(d.id for d in placed[0].values.sharding.device_set),
        "rows": [len(placed[0]), placed[0].values.shape[0]],
        "linker": sharded.linker,
        "mode": sharded.mode,
        "logarithms": sharded.takes_logarithms,
        "initial": graph_keeps(data),
    }


def graph_keeps(data):
    """The user's shared Variables keep their values."""
    graph, updates = model(data)
    sharded = compile_functions(graph, updates, 2)
    sharded.train(data.x, data.y)
    return bool(np.array_equal(graph.w.get_value(), data.initial_w))


def going_on():
    """From a progress on 4 devices, on 3; mini-batches; samples held out; a run that diverges."""
    data = graphs.load("random", samples=41, features=12)
    whole = graphs.fit(compile_functions(*model(data), 2), data.x, data.y, steps=50, every=10)
    kept = []

    def stop():
        return kept[-1] >= 20

    try:
        graphs.fit(
            compile_functions(*model(data), 4),
            data.x,
            data.y,
            steps=50,
            every=10,
            checkpoint=lambda progress: kept.append(progress.step),
            checkpoint_every=20,
            stop=stop,
        )
    except graphs.training.Stopped as stopped:
        resumed = graphs.fit(
            compile_functions(*model(data), "3"),
            data.x,
            data.y,
            steps=50,
            every=10,
            progress=stopped.progress,
        )
    options = {"steps": 30, "every": 5, "batches": Batches(8), "held_out": (data.x[:9], data.y[:9])}
    batches = [
        graphs.fit(f, data.x[9:], data.y[9:], **options).state
        for f in (graphs.compile_functions(*model(data), "CVM"), compile_functions(*model(data), 4))
    ]
    diverged = []
    for compiled, how in ((graphs.compile_functions, "CVM"), (compile_functions, 3)):
        graph = graphs.logistic_graph(data.initial_w)
        updates = graphs.gradient_descent(graph.cost, [graph.w, graph.b], 1e8)
        try:
            graphs.fit(compiled(graph, updates, how), data.x, data.y, steps=40)
        except Diverged as error:
            diverged.append([error.step, str(error)])
    return {
        "stopped at": kept,
        "resumed": furthest(resumed.state, whole.state),
        "history": furthest(vars(resumed.history), vars(whole.history)),
        "batches": furthest(batches[1], batches[0]),
        "diverged": diverged,
    }


def partition():
    """What the partitioner says that it did."""
    data = graphs.load("random", samples=40, features=12)
    found = {}
    for mesh in ("1", "4", "2x2"):
        sharded = compile_functions(*model(data), mesh)
        part = sharded.partitioned(data.x, data.y)
        hlo, order = sharded.hlo(data.x, data.y), sharded.trained.toposort()
        found[mesh] = {
            **part.summary(),
            "sentences": list(part.sentences()),
            "ops": {k: str(node.op) for k, node in enumerate(order)},
            "all-reduces in the text": hlo.count(" all-reduce("),
            "turned around": [str(node.op) for node in filter(is_transposed_times_column, order)],
        }
    return found


def shards(folder):
    """Rows in files, read by the devices' parts."""
    data = graphs.load("random", samples=41, features=12, seed=2)
    expected = graphs.fit(graphs.compile_functions(*model(data), "CVM"), data.x, data.y, steps=20)
    found = {}
    for count in (1, 5):
        stored = shards_of(
            draw_shards(Path(folder, str(count)), samples=41, features=12, seed=2, shards=count)
        )
        for mesh in ("4", "2x2"):
            progress = graphs.fit(compile_functions(*model(stored), mesh), stored.x, stored.y, steps=20)
            found[f"{count} shards, {mesh}"] = furthest(progress.state, expected.state)
    bad = Path(folder, "5", "x-00003.npy")
    array = np.load(bad)
    array[2, 1] = np.nan
    np.save(bad, array)
    try:
        compile_functions(*model(stored), 4).place(stored.x, stored.y)
    except InputError as error:
        found["not finite"] = str(error)
    return found


def refusals():
    """Each with what it says."""
    data = graphs.load("random", samples=10, features=6)
    graph, updates = model(data)
    sharded = compile_functions(graph, updates, 2)
    unpadded = graphs.LogisticGraph(**{**vars(graph), "cost": graphs.derivatives.pt.sort(graph.xent)[0]})
    found = {}
    for name, call in {
        "features": lambda: compile_functions(graph, updates, "2x4"),
        "devices": lambda: compile_functions(graph, updates, 9),
        "mesh": lambda: compile_functions(graph, updates, "many"),
        "axes": lambda: compile_functions(graph, updates, jax.make_mesh((2,), ("rows",))),
        "no rule": lambda: compile_functions(
            unpadded, graphs.gradient_descent(unpadded.cost, [graph.w, graph.b]), 2
        ),
        "x": lambda: sharded.place(data.x[:, 1:], data.y),
        "y": lambda: graphs.fit(sharded, data.x, data.y + 1, steps=1),
        "n": lambda: sharded.train_many(data.x, data.y, 0),
        "softmax": lambda: softmax(),
    }.items():
        try:
            call()
            found[name] = "taken"
        except InputError as error:
            found[name] = str(error)
    return found


def softmax():
    digits = graphs.softmax_graph(np.zeros((4, 3)), np.zeros(3))
    compile_functions(digits, graphs.gradient_descent(digits.cost, [digits.w, digits.b]), 2)


def classic(steps):
    """E1 on 1, 2, 4 and 8 devices beside the ordinary functions."""
    data = graphs.load()
    alone = graphs.fit(
        graphs.compile_functions(*model(data), "CVM"), data.x, data.y, steps=int(steps), every=1000
    )
    found = {}
    for mesh in (1, 2, 4, 8):
        progress = graphs.fit(
            compile_functions(*model(data), mesh), data.x, data.y, steps=int(steps), every=1000
        )
        found[str(mesh)] = {
            "state": furthest(progress.state, alone.state),
            "history": furthest(vars(progress.history), vars(alone.history)),
            "b": float(progress.state["b"]),
            "cost": float(progress.history.cost[-1]),
            "first_perfect_call": progress.first_perfect_call,
        }
    return found


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    warnings.filterwarnings("ignore", "os.fork")
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
