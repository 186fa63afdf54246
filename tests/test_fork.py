"""Locks in a forked child."""

from __future__ import annotations

import os
import threading

import pytest

from graphs import fork

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # that is what is tested
]


def in_child(check) -> bool:
    """What `check` answers in a forked child, which has ten seconds for it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = not check()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def test_a_lock_that_another_thread_holds_is_open_in_the_child():
    lock, held, done = fork.open_lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    assert in_child(lambda: lock.acquire(timeout=10) and fork.is_child())
    assert not lock.acquire(blocking=False), "the parent's is as it was"
    done.set()
    holder.join()
    assert not fork.is_child()


def test_a_lock_that_the_forking_thread_holds_stays_its_own():
    lock = fork.open_lock()
    with lock:
        assert in_child(lambda: lock._is_owned() and (lock.release() or True) and not lock._is_owned())


def test_a_lock_that_nobody_has_any_more_is_forgotten():
    lock, before = fork.open_lock(), len(fork._locks)
    del lock
    assert len(fork._locks) == before - 1
