"""What a rule is worth, and where two compilations part, as text."""

from __future__ import annotations

import re

import msgspec
import pytensor.tensor as pt

from graphs.inspection import inspect
from graphs.inspection.compiling.rules import registered_in
from graphs.inspection.show.report import StepTable, doctor_view, pair_view, step_view, weight_table
from graphs.inspection.show.steps import way_out
from graphs.terminal import as_text
from graphs.timing import Spread
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS


def test_what_a_rule_is_worth(textbook):
    text = as_text(weight_table(textbook), 120)
    (line,) = [line for line in text.splitlines() if line.startswith("log1p_neg_sigmoid")]
    (found,) = [c for c in textbook.counterfactuals if "neg_sigmoid" in textbook.rules[c.rule].name]
    assert found.carries_weight
    assert re.search(r"xent: \d+ not finite", line)
    assert f"{found.ratio:.2f}×" in line


def test_how_to_leave_a_rule_out_stands_beside_it(textbook):
    text = as_text(weight_table(textbook, every=True), 160)
    assert 'is left out by mode.excluding("' in text
    step = next(n for n in range(1, len(textbook.steps) + 1) if textbook.rule_of(n).name == "local_log1p")
    assert 'left out by mode.excluding("local_log1p")' in as_text(step_view(textbook, step), 160)
    table = as_text(StepTable(textbook, rule="log1p", every=True), 160)
    assert 'local_log1p: left out by mode.excluding("local_log1p")' in table
    assert 'log1p_neg_sigmoid: left out by mode.excluding("log1p_neg_sigmoid")' in table


def test_the_name_of_a_phase_says_that_all_of_it_goes(textbook):
    """A rule without a name of its own, and one without any."""
    rule = textbook.rules[0]
    inherited = msgspec.structs.replace(rule, registered=("merge1",), inherited=True)
    assert way_out(inherited).endswith("the name of what it is a part of, all of which goes with it")
    assert "no name for it" in way_out(msgspec.structs.replace(rule, registered=()))
    (number,) = {c.rule for c in textbook.counterfactuals if textbook.rules[c.rule].name == "local_log1p"}
    rules = [inherited if i == number else r for i, r in enumerate(textbook.rules)]
    text = as_text(weight_table(msgspec.structs.replace(textbook, rules=tuple(rules)), every=True), 160)
    assert "all of which goes with it" in text


def test_rules_with_names_of_their_own_are_told_from_those_of_a_group():
    """What is said to leave one rule out alone does so, and what takes more with it says so."""
    x = pt.dvector("x")
    found = inspect([x], [pt.log(1 + x) + pt.exp(x), pt.exp(x)], mode=PYTHON).recording
    by_name = {rule.name: rule for rule in found.rules}
    assert not by_name["local_log1p"].inherited
    a, b = pt.dmatrices("ab")
    products = {rule.name: rule for rule in inspect([a, b, x], a @ b @ x, mode=PYTHON).recording.rules}
    assert not products["local_dot_to_dot22"].inherited  # in a walker of its own
    gemv = next(rule for name, rule in products.items() if name.startswith("local_dot22_to_"))
    assert (gemv.registered, gemv.inherited) == (("local_gemm_to_gemv",), True)
    (fusion,) = [rule for rule in found.rules if "usion" in rule.name and rule.registered]
    assert fusion.registered
    for rule in found.rules:
        held = registered_in(PYTHON.optimizer)
        left = registered_in(PYTHON.excluding(*rule.registered).optimizer)
        if rule.registered and not rule.inherited:
            assert held - left >= set(rule.registered) & held, rule


def test_the_doctor_names_the_rewrites_and_how_to_ask_on():
    x = pt.dvector("x")
    found = inspect([x], pt.exp(x), mode=PYTHON.excluding("log1p_neg_sigmoid")).diagnose(["log1p(−sigmoid"])
    text = as_text(doctor_view(found.recording), 160)
    assert re.search(r"log1p\(−sigmoid\(x\)\) .* NO .* log1p_neg_sigmoid, local_mul_specialize", text)
    assert "graphs inspect --why log1p_neg_sigmoid" in text


def test_a_rule_left_out_stands_beside_the_whole(textbook):
    inputs, outputs, updates, values = ODD_GRAPHS["textbook_cross_entropy"]()
    other = inspect(inputs, outputs, updates, mode=PYTHON.excluding("local_log1p"))
    without = other.evaluate(*values).recording
    text = as_text(pair_view(textbook, without, labels=("all", "less")), 120)
    assert "They part after" in text
    assert "stabilize · local_log1p" in text
    assert "entries not finite" in text
    same = as_text(pair_view(textbook, textbook, labels=("one", "two")), 120)
    assert "one story" in same


def test_rules_none_of_which_carries_weight_are_said_to_leave_the_values_the_same(textbook):
    light = tuple(
        msgspec.structs.replace(c, carries_weight=False, outputs=(), verdict="identical", formula="identical")
        for c in textbook.counterfactuals
    )
    shown = " ".join(
        as_text(weight_table(msgspec.structs.replace(textbook, counterfactuals=light)), 200).split()
    )
    number = len([c for c in light if not c.also])
    assert (
        f"None of {number} rules carries weight: without any one of them, the values are the same but for"
        in shown
    )
    heavy = " ".join(as_text(weight_table(textbook), 200).split())
    assert "rules carry weight: without any one of these, values break or change." in heavy


def test_times_without_a_rule_stand_beside_the_time_with_every_rule_from_the_same_rounds(textbook):
    told = "with every rule takes"

    def shown(seconds, ratio):
        found = tuple(
            msgspec.structs.replace(c, seconds=seconds, ratio=ratio) for c in textbook.counterfactuals
        )
        text = as_text(weight_table(msgspec.structs.replace(textbook, counterfactuals=found)), 200)
        return " ".join(text.split())

    assert told not in shown(None, None)
    assert f"{told} 4 µs." in shown(Spread(2e-6, 1e-6, 3e-6), 0.5)
