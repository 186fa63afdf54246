"""The clocks count what they say; no time is asserted but the order of a sleep."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from graphs.timing import fresh_process, interleaved


def test_calls_are_taken_in_turn():
    order = []
    timings = interleaved(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, sample_seconds=0
    )
    assert "".join(order) == "aabb" + "ab" * 3
    assert list(timings) == ["a", "b"]
    assert all(t.q1 <= t.median <= t.q3 for t in timings.values())


def test_a_process_is_accounted_for():
    # The sum takes long enough for any system's clock of user time.
    code = "import sys; b = bytearray(50_000_000); sum(range(5_000_000)); print('x' * 100_000); sys.exit(3)"
    cost = fresh_process([sys.executable, "-c", code])
    assert cost.returncode == 3
    assert len(cost.stdout) == 100_001
    assert 50_000_000 < cost.peak_rss_bytes < 500_000_000
    assert 0 < cost.user <= cost.wall * 4


def test_a_hanging_process_is_ended_with_its_children(tmp_path):
    mark = tmp_path / "alive"
    child = f"sleep 1.5; touch {mark}"
    with pytest.raises(subprocess.TimeoutExpired):
        fresh_process(["sh", "-c", f"({child}) & wait"], timeout=0.3)
    time.sleep(1.8)
    assert not mark.exists()
