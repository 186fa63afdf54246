"""What is said of the partitioner is what the compiled text holds, and of no node that did not cause it."""

from __future__ import annotations

from graphs.sharded.partition import collectives, scope
from tests.sharded.conftest import on_devices


def test_one_device_exchanges_nothing():
    found = on_devices("partition")["1"]
    assert found["collectives"] == []
    assert found["bytes_per_step"] == 0
    assert found["all-reduces in the text"] == 0


def test_the_gradients_sums_are_what_is_exchanged():
    found = on_devices("partition")["4"]
    step, *others = found["collectives"]
    assert len(found["collectives"]) == found["all-reduces in the text"]
    assert (step["kind"], step["bytes"], step["every_step"]) == ("all-reduce", 8 * (12 + 1), True)
    named = [found["ops"][str(k)] for k in step["nodes"]]
    assert sorted(name.partition("{")[0] for name in named) == ["Dot", "Sum"]
    assert found["nodes"][str(step["nodes"][1])] == "Dot(x.T, Switch)"
    assert others
    for each in others:
        assert (each["nodes"], each["every_step"], each["counts"]) == ([], False, True)
    assert found["bytes_per_step"] == step["bytes"]


def test_the_gradient_is_asked_as_a_row_times_the_samples():
    """XLA's own product of a transposed matrix and a column takes many times as long; one of that kind is there."""
    assert on_devices("partition")["4"]["turned around"] == ["Dot"]


def test_with_the_features_split_the_logits_are_exchanged_too():
    found = on_devices("partition")["2x2"]
    logits, gradients = (each for each in found["collectives"] if each["every_step"])
    assert (logits["bytes"], [found["nodes"][str(k)] for k in logits["nodes"]]) == (
        8 * 20,
        ["Dot(x, ExpandDims{axis=1})"],
    )
    assert gradients["bytes"] == 8 * (12 // 2 + 1)


TWO = f'op_name="jit(f)/while/body/({scope("train", 3)}/x:{scope("train", 12)}/y)"'
HLO = f"""
  %all-reduce.1 = (f64[], f32[5,2]{{1,0}}) all-reduce(%a, %b), metadata={{{TWO}}}
  ROOT %all-gather.7 = pred[3]{{0}} all-gather(%a), metadata={{op_name="jit(f)/{scope("evaluate", 3)}/x"}}
  %all-reduce-start = bf16[8]{{0}} all-reduce-start(%a), metadata={{op_name="jit(f)/graphs_counts/x"}}
  %all-gather-start = (f64[2]{{0}}, f64[4]{{0}}) all-gather-start(%a)
  %all-reduce-done = bf16[8]{{0}} all-reduce-done(%all-reduce-start)
  %fusion = f64[8]{{0}} fusion(%all-reduce.1), calls=%all-reduce-like
"""


def test_reading_the_compiled_text():
    first, gathered, started, unknown = collectives(HLO, "train")
    assert (first.kind, first.bytes, first.nodes, first.every_step) == ("all-reduce", 8 + 40, (3, 12), True)
    assert (gathered.kind, gathered.bytes, gathered.nodes) == ("all-gather", 3, ())  # of another function
    assert (started.bytes, started.counts, started.every_step) == (16, True, False)
    assert (unknown.bytes, unknown.nodes, unknown.counts) == (32, (), False)
