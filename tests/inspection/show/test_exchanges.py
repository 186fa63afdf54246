"""What is shown of the partitioner's exchanges, and what is refused beside it."""

from __future__ import annotations

import pytest

from graphs.inspection.show.exchanges import exchanges_view
from graphs.sharded.partition import Collective, Partition
from graphs.terminal import console


def printed(partition: Partition) -> str:
    out = console(width=150)
    with out.capture() as captured:
        out.print(exchanges_view(partition))
    return captured.get()


def test_each_exchange_with_its_node_and_its_line():
    found = (
        Collective("all-reduce", 6280, (3, 7), True, False, "%all-reduce.9 = f64[785]{0} all-reduce(%x)"),
        Collective("all-reduce", 16, (), False, True, "%all-reduce.4"),
        Collective("all-gather", 99, (), True, False, "%all-gather.1"),
    )
    text = printed(Partition("4", 4, "cpu", 1, found, {3: "Dot(x.T, r)", 7: "Sum(r)"}))
    assert "4 devices (cpu), mesh 4: 6,379 bytes at every step, on each device." in text
    assert "all-reduce of 6,280 bytes at every step  #3 Dot(x.T, r) and #7 Sum(r)" in text
    assert "%all-reduce.9 = f64[785]{0} all-reduce(%x)" in text
    assert "all-reduce of 16 bytes once a call" in text
    assert "what the training loop counts, no node" in text
    assert "a node that is not known" in text


def test_nothing_is_said_to_be_nothing():
    assert "has put no exchange" in printed(Partition("1", 1, "cpu", 1, (), {}))


def test_the_command(run_script):
    pytest.importorskip("jax")
    done = run_script("inspect_graph", "--mesh", "4", "--width", "120")
    assert done.returncode == 0, done.stderr
    assert "4 devices (cpu), mesh 4: 6,280 bytes at every step" in done.stdout
    assert "Dot(x.T, Switch)" in done.stdout
    assert "all-reduce(" in done.stdout
    for arguments, says in (
        (["--mode", "CVM"], "mode: found --mode beside --mesh"),
        (["--step", "3"], "step: found --step beside --mesh"),
        (["--mesh", "3x5"], "mesh: found 784 features for 5 parts"),
    ):
        refused = run_script("inspect_graph", "--mesh", "2", *arguments)
        assert refused.returncode == 2
        assert says in refused.stderr
