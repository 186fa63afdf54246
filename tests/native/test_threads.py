"""One function called by several threads, and by a child forked in the middle of that."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.executor import Function
from pytensor.compile.mode import Mode

from graphs import compile_functions, gradient_descent, load, logistic_graph
from graphs.gram_functions import compile_gram
from graphs.native import NativeLinker, NotNative, repeat, source_of
from graphs.native.run.function import NativeFunction

x, k = pt.dvector("x"), pt.dscalar("k")
THREADS = 8


@pytest.fixture(autouse=True)
def often():
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def at_once(work) -> None:
    """``work(number)`` in each of several threads; raises what one of them raised."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("kind", ["native", "copy", "pickled", "performed", "not native"])
def test_inputs_and_outputs_belong_to_their_call(uncached, kind, trusted, request):
    outputs = [x * k, x.sum() - k]
    if kind == "not native":
        request.getfixturevalue("no_compiler")
        with pytest.warns(NotNative), pytensor.config.change_flags(mode="FAST_COMPILE"):
            fn = pytensor.function([x, k], [*outputs, x * 1.375], mode=uncached)  # a text of its own
    elif kind == "performed":
        fn = pytensor.function([x, k], [*outputs, pt.unique(x)], mode=uncached)
    else:
        fn = pytensor.function([x, k], outputs, mode=uncached)
    fn = {"copy": fn.copy, "pickled": lambda: pickle.loads(pickle.dumps(fn))}.get(kind, lambda: fn)()
    assert type(fn) is NativeFunction
    fn.trust_input = trusted

    def work(number):
        numbers = np.random.default_rng(number)
        for _ in range(100):
            array, factor = numbers.normal(size=5 + number), np.asarray(numbers.normal())
            product, total = fn(array, factor)[:2] if number % 2 else fn(k=factor, x=array)[:2]
            np.testing.assert_array_equal(product, array * factor)
            assert abs(total - (array.sum() - factor)) < 1e-12

    at_once(work)


def test_no_update_is_lost_and_what_is_read_belongs_together(uncached):
    s, count = pytensor.shared(np.zeros(20), name="s"), pytensor.shared(0.0, name="count")
    grow = pytensor.function([x], [], updates=[(s, s + x), (count, count + 1)], mode=uncached)
    other = pytensor.function([k], s.sum(), updates=[(s, s + k), (count, count + 1)], mode=uncached)
    look = pytensor.function([], [s.min(), s.max(), count], mode=uncached)

    def work(number):
        for turn in range(60):
            if number % 2:
                grow(np.ones(20))
            else:
                other(1.0)
            if turn % 20 == 0:
                fn, argument = (grow, np.ones(20)) if number % 2 else (other, 1.0)
                repeat(fn, 4, [argument])
            least, most, counted = look()
            assert least == most == counted

    at_once(work)
    assert count.get_value() == THREADS * (60 + 3 * 4)
    np.testing.assert_array_equal(s.get_value(), np.full(20, count.get_value()))


def test_a_value_set_while_a_step_is_under_way_counts(uncached):
    s = pytensor.shared(np.zeros(3), name="s")
    fn = pytensor.function([x], [], updates=[(s, s + x)], mode=uncached)
    fn(np.ones(3))
    step, set_once = fn.vm.run, iter([np.full(3, 100.0)])

    def interrupted(arrays):
        outputs = step(arrays)
        for value in set_once:
            s.set_value(value)
        return outputs

    fn.vm.run = interrupted
    fn(np.ones(3))
    np.testing.assert_array_equal(s.get_value(), [101.0] * 3)
    fn.vm.run = lambda arrays: s.set_value(np.zeros(3)) or step(arrays)
    fn(np.ones(3))
    np.testing.assert_array_equal(s.get_value(), [1.0] * 3, "somebody who never stops does not stop the step")


def test_repeated_steps_are_alone(uncached):
    s = pytensor.shared(np.zeros(2), name="s")
    fn = pytensor.function([x], s * 1, updates=[(s, s + x)], mode=uncached)

    def work(number):
        for _ in range(10):
            (history,) = repeat(fn, 5, [np.ones(2)])
            np.testing.assert_array_equal(np.diff(history, axis=0), np.ones((4, 2)))

    at_once(work)
    np.testing.assert_array_equal(s.get_value(), np.full(2, THREADS * 50.0))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such signals here")
def test_a_handler_that_calls_the_function_it_interrupts_is_told(uncached):
    fn = pytensor.function([x], x * 2, mode=uncached)
    step = fn.vm.run
    fn.vm.run = lambda arrays: fn(np.zeros(1)) if len(arrays[0]) == 3 else step(arrays)
    with pytest.raises(RuntimeError, match="while its thread was inside a call"):
        fn(np.ones(3))
    np.testing.assert_array_equal(fn(np.ones(2)), [2.0, 2.0])


def test_functions_of_a_plain_mode_are_native_too_for_one_thread_at_a_time():
    fn = pytensor.function([x], x * 3, mode=Mode(NativeLinker(cached=False), "fast_run"))
    assert source_of(fn) is not None
    assert type(fn) is Function
    turn = threading.Lock()

    def work(number):
        for _ in range(50):
            with turn:
                np.testing.assert_array_equal(fn(np.full(3, number)), np.full(3, 3.0 * number))

    at_once(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("inside", ["step", "many steps", "compiling", "team"])
def test_a_child_forked_while_another_thread_is_inside_goes_on(uncached, inside, monkeypatch):
    if inside == "team":
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
    s = pytensor.shared(np.zeros(200), name="s")
    big, small = np.ones((4_000, 200)), np.ones((3, 200))
    m = pt.dmatrix("m")

    def new():
        return pytensor.function(
            [m], pt.tanh(m).sum(axis=0) * np.random.rand(), updates=[(s, s + 1)], mode=uncached
        )

    fn, stop = new(), threading.Event()
    if inside != "compiling":
        fn(big)  # this thread's team, if there is one, is in the child no more

    def work():
        while not stop.is_set():
            repeat(fn, 3, [big]) if inside == "many steps" else fn(big)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for turn in range(8):
            if inside != "compiling":
                threading.Event().wait(0.003 * turn)
            child = os.fork()
            if not child:
                signal.alarm(60)  # ends one that hangs
                before = s.get_value()
                out = fn(small), *repeat(fn, 2, [small])
                os._exit(not (np.isfinite(out[0]).all() and (s.get_value() == before + 3).all()))
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        worker.join()


@pytest.mark.parametrize("gram", [False, True])
def test_a_model_that_several_threads_train_and_ask_is_whole(uncached, gram):
    data = load("random", seed=0, samples=20, features=50)
    graph = logistic_graph(data.initial_w)
    pairs = gradient_descent(graph.cost, [graph.w, graph.b], 0.1)
    if gram:
        learner = compile_gram(graph, pairs, data.x, uncached, even_if_it_loses=True)
    else:
        learner = compile_functions(graph, pairs, uncached)
    x = learner.state.x if gram else data.x
    start, trail = learner.read(), []
    for _ in range(THREADS // 2 * 40 + 1):
        trail.append(learner.read())
        learner.train(x, data.y)
    learner.write(start)
    w, b = (np.array([state[name] for state in trail]) for name in ("w", "b"))

    def work(number):
        for _ in range(40):
            if number % 2:
                learner.train(x, data.y)
            else:
                state = learner.read()
                # a moment of the run, whatever rounding did
                assert np.maximum(np.abs(w - state["w"]).max(axis=1), np.abs(b - state["b"])).min() < 1e-9

    at_once(work)
    np.testing.assert_allclose(learner.read()["w"], w[-1], atol=1e-9)
