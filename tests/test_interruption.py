"""The first signal is a request, the second one acts as usual, and afterwards everything is as it was."""

from __future__ import annotations

import signal

import pytest

from graphs.interruption import Interrupted, SignalRequests, raised_signals

ENDING = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def usual():
    """Handlers that tell what would have happened to the process."""
    seen = []
    before = {which: signal.signal(which, lambda number, frame: seen.append(number)) for which in ENDING}
    yield seen
    for which, handler in before.items():
        signal.signal(which, handler)


@pytest.mark.parametrize("which", ENDING)
def test_a_request_is_noted_once(usual, which):
    with SignalRequests() as requests:
        assert requests.received == 0
        signal.raise_signal(which)
        assert (requests.received, usual) == (which, [])
        signal.raise_signal(which)
        assert (requests.received, usual) == (which, [which])
    signal.raise_signal(which)
    assert usual == [which, which]


@pytest.mark.parametrize("which", ENDING)
def test_a_signal_is_raised_once(usual, which):
    with raised_signals(), pytest.raises(Interrupted) as raised:
        signal.raise_signal(which)
    assert (raised.value.signal, usual) == (which, [])
    signal.raise_signal(which)
    assert usual == [which]


def test_without_a_signal_the_handlers_come_back(usual):
    handlers = [signal.getsignal(which) for which in ENDING]
    with SignalRequests() as requests, raised_signals():
        assert [signal.getsignal(which) for which in ENDING] != handlers
    assert [signal.getsignal(which) for which in ENDING] == handlers
    assert requests.received == 0
