"""The page in a real Chromium: every key and control, links, exports, both themes, hostile input, accessibility."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec
import pytest
from PIL import Image

from graphs.inspection import Recording, load
from graphs.inspection.findings import LOUD, ROUNDING, Measurements, NodeCode
from graphs.inspection.show.page.document import page
from graphs.inspection.show.start import rows_of
from graphs.terminal import duration
from tests.inspection.page.conftest import Open, drawn, node_modules, rested

pytestmark = pytest.mark.once


def moment(shown: Any) -> int:
    return int(shown.get_attribute("#timeline-0 .strip", "aria-valuenow"))


def press(shown: Any, *keys: str) -> None:
    for key in keys:
        shown.keyboard.press(key)
    drawn(shown)


def boxes(shown: Any, selector: str = "") -> dict[str, str]:
    """Where the boxes stand, by node or root."""
    found: dict[str, str] = shown.evaluate(
        """s => Object.fromEntries([...document.querySelectorAll(`#picture-0 .box${s}`)]
            .map(b => [b.dataset.key, b.getAttribute('transform')]))""",
        selector,
    )
    return found


def steps_with(recording: Recording, *verdicts: str) -> list[int]:
    assert recording.evaluation is not None
    return [step.step for step in recording.evaluation.steps if step.verdict in verdicts]


def panel(shown: Any) -> str:
    text: str = shown.inner_text(".panel")
    return text


def test_it_opens_with_the_answer_and_the_answer_leads_to_the_steps(
    examined: Recording, opened: Open
) -> None:
    shown = opened(examined)
    told = shown.inner_text("#answer")
    rescue = next(r for r in examined.rescues() if examined.outputs[r.output].name == "xent")
    name = examined.rule_of(rescue.step).name
    assert f"step {rescue.step} ({name}) repairs it" in told
    assert f"{examined.node_counts()[0]} nodes" in told
    assert "entries" in told
    assert moment(shown) == steps_with(examined, *LOUD)[0]  # opened at what changed values first
    shown.click(f"#answer .story button:has-text('step {rescue.step} ')")
    rested(shown)
    assert moment(shown) == rescue.step
    assert name in panel(shown)
    assert "repaired values" in panel(shown)
    shown.click("#answer .story button:has-text('xent is not finite')")
    rested(shown)
    assert moment(shown) == 0
    assert "xent" in shown.inner_text(".panel h3")
    press(shown, "End")
    shown.click(".story button:has-text('nodes') >> nth=0")
    drawn(shown)
    assert moment(shown) == 0


def test_keys_step_and_jump(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=10")
    last = len(examined.steps)
    for key, there in (
        ("ArrowRight", 11),
        ("k", 12),
        ("ArrowLeft", 11),
        ("j", 10),
        ("End", last),
        ("Home", 0),
    ):
        press(shown, key)
        assert moment(shown) == there, key
    starts = [
        i for i in range(1, last + 1) if i == 1 or examined.steps[i - 1].phase != examined.steps[i - 2].phase
    ]
    for start in starts[:4]:
        press(shown, "ArrowDown")
        assert moment(shown) == start
    press(shown, "ArrowUp")
    assert moment(shown) == starts[2]
    press(shown, "Home")
    for step in steps_with(examined, *LOUD):
        press(shown, "r")
        assert moment(shown) == step
    press(shown, "?")
    assert shown.is_visible("dialog#keys")
    assert "next phase" in shown.inner_text("dialog#keys")
    press(shown, "ArrowRight")  # a dialog is open: nothing moves
    assert moment(shown) == steps_with(examined, *LOUD)[-1]
    press(shown, "?")
    assert not shown.is_visible("dialog#keys")


def test_holding_a_key_down_leaves_nothing_behind(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    shown.evaluate(
        "for (let i = 0; i < 400; i++) document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }))"
    )
    rested(shown)
    assert moment(shown) == len(examined.steps)
    nodes = {int(key) for key in boxes(shown) if key.isdigit()}
    goes = {int(key) for key in boxes(shown, ".goes")}
    assert nodes - goes == set(examined.final_order)


def test_the_time_line_takes_a_click_and_a_drag(examined: Recording, opened: Open) -> None:
    shown = opened(examined)
    strip = shown.locator("#timeline-0 .strip")
    strip.scroll_into_view_if_needed()
    area = strip.bounding_box()
    y, last = area["y"] + area["height"] / 2, len(examined.steps)
    shown.mouse.click(area["x"] + area["width"] * 40 / last, y)
    drawn(shown)
    assert moment(shown) == 40
    shown.mouse.move(area["x"] + area["width"] * 20 / last, y)
    shown.mouse.down()
    for step in range(21, 61, 5):
        shown.mouse.move(area["x"] + area["width"] * step / last, y)
    shown.mouse.up()
    drawn(shown)
    assert moment(shown) == 56
    told = strip.get_attribute("aria-valuetext")
    assert told.startswith(f"step 56, {examined.steps[55].phase}, {examined.rule_of(56).name}")


def test_marks_of_what_changed_values_are_seen(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    step = steps_with(examined, *LOUD)[0]
    shown.locator("#timeline-0 .strip").scroll_into_view_if_needed()
    picture = Image.open(io.BytesIO(shown.locator("#timeline-0 .strip").screenshot())).convert("RGB")
    at = round(picture.width * step / len(examined.steps))
    column = {picture.getpixel((x, y)) for x in range(at - 2, at + 3) for y in range(30, picture.height)}
    quiet = {picture.getpixel((x, y)) for x in range(at + 12, at + 16) for y in range(30, picture.height)}
    green = [c for c in column if c[1] > c[0] + 40 and c[1] > c[2]]  # type: ignore[index, operator]
    assert green
    assert not [c for c in quiet if c[1] > c[0] + 40 and c[1] > c[2]]


def test_what_stays_does_not_move(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    places: dict[str, str] = {}
    for step in range(len(examined.steps) + 1):
        if step:
            press(shown, "ArrowRight")
        there = boxes(shown)
        nodes = {int(key) for key in there if key.isdigit()}
        before = examined.snapshot(max(step - 1, 0)).nodes
        assert nodes == {n.node for n in (*before, *examined.snapshot(step).nodes)}
        for key, place in there.items():
            assert places.setdefault(key, place) == place, (step, key)
        goes, comes = (examined.steps[step - 1].gone, examined.steps[step - 1].come) if step else ((), ())
        assert {int(key) for key in boxes(shown, ".goes")} == {*goes}
        assert {int(key) for key in boxes(shown, ".comes")} == {*comes}


def test_folded_rows_keep_the_order_and_stand_still_within_a_phase(examined: Recording, opened: Open) -> None:
    def xy(place: str) -> tuple[float, float]:
        x, y = map(float, re.findall(r"[-\d.]+", place))
        return x, y

    shown = opened(examined, address="#step=0")
    loose: dict[str, tuple[float, float]] = {}
    seen: dict[str, dict[str, tuple[float, float]]] = {}
    for step in range(0, len(examined.steps) + 1, 3):
        shown.evaluate(f"location.hash = '#step={step}'")
        drawn(shown)
        loose |= {key: xy(place) for key, place in boxes(shown).items()}
    for step in range(0, len(examined.steps) + 1, 3):
        shown.evaluate(f"location.hash = '#step={step}&fold=rows'")
        drawn(shown)
        folded = {key: xy(place) for key, place in boxes(shown).items()}
        phase = examined.steps[step - 1].phase if step else ""
        for axis in (0, 1):
            for one in folded:
                for other in folded:
                    if one in loose and other in loose and loose[one][axis] <= loose[other][axis]:
                        assert folded[one][axis] <= folded[other][axis] + 0.11
        for key, place in folded.items():
            assert seen.setdefault(phase, {}).setdefault(key, place) == place
    # in the last phase, where few rows hold anything
    assert max(y for _, y in folded.values()) < 0.85 * max(loose[key][1] for key in folded)


def test_red_and_green_have_a_second_cue(examined: Recording, opened: Open) -> None:
    step = next(i for i, s in enumerate(examined.steps, start=1) if s.gone and s.come)
    shown = opened(examined, address=f"#step={step}")
    style = """e => { const s = getComputedStyle(e.querySelector('.body'));
        return [s.stroke, s.strokeDasharray, e.querySelector('.mark').textContent, e.querySelector('title').textContent] }"""
    goes, comes = (shown.eval_on_selector(f"#picture-0 .box.{kind}", style) for kind in ("goes", "comes"))
    assert goes[0] != comes[0]
    assert goes[1] != "none"
    assert comes[1] == "none"
    assert (goes[2], comes[2]) == ("−", "+")
    assert "goes out" in goes[3]
    assert "comes in" in comes[3]
    shown.select_option("#control-view", "before")
    drawn(shown)
    assert boxes(shown, ".goes")
    assert not boxes(shown, ".comes")
    shown.select_option("#control-view", "after")
    drawn(shown)
    assert boxes(shown, ".comes")
    assert not boxes(shown, ".goes")
    for view in ("both", "before", "after"):
        press(shown, "b")
        assert shown.input_value("#control-view") == view


def test_steps_can_be_hidden(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    shown.select_option("#control-hide", "numbers")
    shown.locator("#control-hide").blur()
    for step in steps_with(examined, *LOUD, ROUNDING):
        press(shown, "ArrowRight")
        assert moment(shown) == step


def test_shapes_and_the_forward_part_fold_and_open(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address=f"#step={len(examined.steps) // 2}")
    every = boxes(shown)
    shown.check("#fold-shapes")
    drawn(shown)
    without = boxes(shown)
    ops = [examined.ops[examined.nodes[int(k)].op].name for k in every.keys() - without.keys() if k.isdigit()]
    assert ops
    plumbing = r"ExpandDims|Squeeze|Matrix|Make|Shape|Second|Assert|Cast|Scalar|Tensor|Drop|Alloc"
    assert all(re.match(plumbing, op) for op in ops), ops
    assert shown.locator("#picture-0 .wire.through").count()  # what they joined is still joined
    assert all(every[key] == place for key, place in without.items())
    shown.uncheck("#fold-shapes")
    shown.check("#fold-forward")
    drawn(shown)
    for key in every.keys() - boxes(shown).keys():
        if key.isdigit():
            assert {examined.nodes[root].origin.kind for root in examined.roots(int(key))} <= {"forward"}
    shown.uncheck("#fold-forward")
    shown.check("#fold-constants")
    drawn(shown)
    assert boxes(shown) == every
    chips = shown.eval_on_selector_all(
        "#picture-0 .box .constants", "all => all.map(e => e.textContent).filter(Boolean)"
    )
    assert any("1" in chip for chip in chips)
    press(shown, "f")
    assert shown.is_checked("#fold-rows")


def test_colours_by_everything(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address=f"#step={len(examined.steps)}")
    looks = {}
    for colour in ("kind", "origin", "phase", "time", "bytes", "values"):
        shown.select_option("#control-colour", colour)
        drawn(shown)
        look = """all => all.map(b => [getComputedStyle(b.querySelector('.stripe')).fill,
            b.querySelector('.sign').textContent, b.querySelector('.badge').textContent])"""
        found = shown.eval_on_selector_all("#picture-0 .box:not(.root)", look)
        assert len({(fill, sign, badge) for fill, sign, badge in found}) > 1 or colour == "values", colour
        looks[colour] = found
        assert shown.locator(".key li").count() > 3
    assert any("%" in badge for _, _, badge in looks["time"])
    assert any("B" in badge for _, _, badge in looks["bytes"])
    shown.evaluate("location.hash = '#step=0&colour=values'")
    drawn(shown)
    bad = shown.eval_on_selector_all("#picture-0 .box.bad .badge", "all => all.map(e => e.textContent)")
    assert "31 NaN/∞" in bad  # xent as written
    press(shown, "c")
    assert shown.input_value("#control-colour") == "kind"


def test_a_node_tells_its_life_both_ways(examined: Recording, opened: Open) -> None:
    assert examined.measurements is not None
    step = next(r.step for r in examined.rescues() if examined.outputs[r.output].name == "xent")
    made = examined.steps[step - 1]
    shown = opened(examined, address=f"#step={step}")
    shown.locator("#picture-0").scroll_into_view_if_needed()
    press(shown, "0")
    shown.click(f"#picture-0 [data-node='{made.come[0]}']")
    drawn(shown)
    text = panel(shown)
    assert f"Node #{made.come[0]}" in text
    assert f"step {step}" in text
    name = examined.ops[examined.nodes[made.come[0]].op].name
    assert name in text
    assert examined.variables[examined.nodes[made.come[0]].outputs[0]].type in text
    for line in examined.lines_of(made.come[0]):
        assert line.text in text
    assert "In the end:" in text
    assert "born by" in text
    final = int(re.findall(r"In the end: #(\d+)", text)[0])
    assert final in examined.final_order
    shown.click(f".panel button:has-text('#{final} ') >> nth=-1")
    drawn(shown)
    text = panel(shown)
    assert f"Node #{final}" in text
    assert "Time" in text
    assert "a call" in text
    assert "Code" in text
    # and back: from the code's tab to the user's line to the nodes
    shown.click("#tab-source")
    drawn(shown)
    line = next(i for i, at in enumerate(examined.lines) if at.text.startswith("xent ="))
    shown.click(f".panel .line:has-text('{examined.lines[line].text[:20]}')")
    drawn(shown)
    lit = {int(key) for key in boxes(shown, ".lit")}
    there = {n.node for n in examined.snapshot(moment(shown)).nodes}
    assert lit
    assert lit <= there | {*examined.steps[moment(shown) - 1].gone}
    assert all(examined.lines[line] in examined.lines_of(node) for node in lit)


def test_a_line_of_code_lights_up_its_node_and_a_node_its_lines(examined: Recording, opened: Open) -> None:
    first, other = examined.final_order[:2]
    code = (
        NodeCode(first, "python", "", (2, 3)),
        NodeCode(other, "python", "", (4, 4)),
        NodeCode(None, "python", "def f():\n    a = 1\n    a += 1\n    return a\n"),
    )
    shown = opened(
        msgspec.structs.replace(examined, measurements=Measurements(code=code)), address="#step=3&panel=code"
    )
    assert shown.locator(".panel button.line").count() == 3  # the first line is nobody's
    shown.click(".panel button.line:has-text('a += 1')")
    drawn(shown)
    assert moment(shown) == len(examined.steps)
    assert {*boxes(shown, ".lit")} == {*boxes(shown, ".chosen")} == {str(first)}
    assert shown.locator(".panel .line.mine").count() == 2
    shown.click(".panel button.line:has-text('return a')")
    drawn(shown)
    assert {*boxes(shown, ".lit")} == {*boxes(shown, ".chosen")} == {str(other)}
    rested(shown)
    assert "code=4" in shown.url
    shown.click("#tab-node")
    shown.click(".panel button:has-text('lines 4–4') >> nth=0")
    drawn(shown)
    assert shown.get_attribute("#tab-code", "aria-selected") == "true"


def test_a_node_that_was_merged_or_folded_says_into_what(examined: Recording, opened: Open) -> None:
    folded = next(
        (i, step.gone[0], step.replaced[0][1])
        for i, step in enumerate(examined.steps, start=1)
        if len(step.gone) == 1
        and len(step.replaced) == 1
        and examined.variables[step.replaced[0][1]].kind == "constant"
    )
    shown = opened(examined, address=f"#step={folded[0]}&panel=node&node={folded[1]}")
    assert f"It became {examined.variables[folded[2]].value}." in panel(shown)
    merged = next(
        (i, step.gone[0], examined.variables[step.replaced[0][1]].owner)
        for i, step in enumerate(examined.steps, start=1)
        if len(step.gone) == 1 and not step.come and examined.variables[step.replaced[0][1]].owner is not None
    )
    shown.evaluate(f"location.hash = '#step={merged[0]}&panel=node&node={merged[1]}'")
    drawn(shown)
    assert f"Lives on in #{merged[2]} " in panel(shown)


def test_values_show_the_cells_that_are_not_finite(examined: Recording, opened: Open) -> None:
    xent = next(i for i, v in enumerate(examined.variables) if v.name == "xent")
    shown = opened(examined, address=f"#step=0&node={examined.variables[xent].owner}&panel=node")
    assert "16 NaN, 15 infinite" in panel(shown)
    shown.click(".cells button")
    assert shown.locator(".cells .cell").count() == 400
    assert shown.locator(".cells .mn").count() == 16
    assert shown.locator(".cells .mi").count() == 15
    assert shown.locator(".cells .mn").first.inner_text() == "N"  # not by colour alone
    assert "31 of 400 entries not finite" in shown.inner_text(".cells caption")


def test_where_values_stop_being_finite_leads_to_the_node(examined: Recording, opened: Open) -> None:
    assert examined.evaluation is not None
    first = examined.evaluation.nonfinite[0]
    shown = opened(examined)
    shown.click("section[aria-label='Where values stop being finite'] .card button")
    rested(shown)
    assert moment(shown) == first.snapshot
    assert f"Node #{examined.variables[first.variable].owner}" in panel(shown)
    assert f"node={examined.variables[first.variable].owner}" in shown.url
    assert "colour=values" in shown.url


def test_where_the_time_to_the_first_result_went_is_one_bar(examined: Recording, opened: Open) -> None:
    start = examined.start
    shown = opened(examined)
    section = shown.locator("section[aria-label='Where the time to the first result went']")
    names = section.locator("tbody th").all_inner_texts()
    assert names[0] == "import"
    assert names[-2].startswith("first call")
    assert names[-1] == "together"
    assert start.again is not None
    assert duration(start.again) in section.inner_text()
    assert duration(start.seconds) in section.locator("tbody tr").last.inner_text()
    stretches = [piece.bounding_box() for piece in section.locator(".stretch span").all()]
    for (before, after), (_, seconds) in zip(pairwise(stretches), rows_of(start), strict=False):
        assert before is not None
        assert after is not None
        assert after["x"] == pytest.approx(before["x"] + before["width"], abs=3)
        share = before["width"] / section.locator(".stretch").first.bounding_box()["width"]  # type: ignore[index]
        assert share == pytest.approx(seconds / start.seconds, abs=0.02)


def test_distance_from_extended_precision_is_told(examined: Recording, opened: Open) -> None:
    assert examined.evaluation is not None
    references = {r.output: r for r in examined.evaluation.references}
    if not references:
        pytest.skip("this machine has no extended precision")
    step = next(r.step for r in examined.rescues() if examined.outputs[r.output].name == "xent")
    shown = opened(examined, address=f"#step={step}")
    text = panel(shown)
    assert "How far from 64-bit arithmetic" in text
    assert "ulp" in text
    assert "31 not finite" in text


def test_what_if_each_rule_is_a_switch(examined: Recording, opened: Open) -> None:
    shown = opened(examined)
    assert examined.counterfactuals
    for i, found in enumerate(examined.counterfactuals):
        switch = shown.locator("#whatif .switch").nth(i)
        switch.locator("[role=switch]").click()
        text = switch.inner_text()
        assert examined.rules[found.rule].name in text
        assert f"{found.nodes} nodes instead of {examined.node_counts()[-1]}" in text
        broke = sum(change.broke for change in found.outputs)
        assert f"{broke} entries more" in text
        named = ", ".join(json.dumps(name) for name in found.excluded)
        assert f"mode.excluding({named})" in text
        if found.graph is not None:
            switch.locator("svg .box").first.wait_for()
            assert switch.locator("svg .box:not(.root)").count() == len(found.graph.nodes)
        assert switch.locator("[role=switch]").get_attribute("aria-checked") == "false"
        switch.locator(
            "button:has-text('copy')"
        ).click()  # to the clipboard, or it says what to do where there is none
        said = switch.locator("[role=status]:has-text('cop')")
        assert said.inner_text() in ("copied", "select it and copy")
        switch.locator("[role=switch]").click()
        assert "instead of" not in switch.inner_text()


def test_search_finds_rules_and_nodes(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    press(shown, "/")
    shown.keyboard.type("log1p")
    drawn(shown)
    assert "rule" in shown.inner_text("#found li >> nth=0")
    press(shown, "Enter")
    assert "log1p" in examined.rule_of(moment(shown)).name
    press(shown, "Home", "/")
    shown.keyboard.type("xent")
    press(shown, "Enter")
    drawn(shown)
    assert "xent" in shown.inner_text(".panel h3")
    press(shown, "/")
    shown.keyboard.type("no such thing at all")
    assert "nothing of that name" in shown.inner_text(".search")
    press(shown, "Escape", "ArrowRight")
    assert moment(shown) == 1


def test_the_keyboard_alone_reaches_every_node(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    first = sorted(n.node for n in examined.snapshot(0).nodes)
    press(shown, "n")
    assert f"#{first[0]}" in shown.inner_text(".panel h3")
    press(shown, "n")
    assert f"#{first[1]}" in shown.inner_text(".panel h3")
    press(shown, "p", "p")
    assert f"#{first[-1]}" in shown.inner_text(".panel h3")
    placed = next(
        n
        for n in examined.snapshot(0).nodes
        if any(examined.variables[v].owner is not None for v in n.inputs)
    )
    shown.evaluate(f"location.hash = '#step=0&panel=node&node={placed.node}'")
    drawn(shown)
    press(shown, "i")
    owner = next(
        examined.variables[v].owner for v in placed.inputs if examined.variables[v].owner is not None
    )
    assert f"#{owner}" in shown.inner_text(".panel h3")
    press(shown, "o")
    assert "#" in shown.inner_text(".panel h3")
    assert f"#{owner}\n" not in shown.inner_text(".panel h3")
    press(shown, "Escape")
    assert "No node" in shown.inner_text(".panel") or "written" in shown.inner_text(".panel")
    shown.locator("#tab-step").focus()
    press(shown, "ArrowRight")
    assert shown.get_attribute("#tab-node", "aria-selected") == "true"
    reached = set()
    shown.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    for _ in range(90):
        shown.keyboard.press("Tab")
        reached.add(
            shown.evaluate(
                "document.activeElement.id || document.activeElement.className?.baseVal || document.activeElement.className"
            )
        )
    assert {"search", "control-hide", "control-view", "control-colour", "fold-rows", "graph"} <= {
        str(r).split(" ")[0] for r in reached
    }


def test_zoom_pan_fit_and_the_small_map(examined: Recording, opened: Open) -> None:
    shown = opened(examined)
    shown.locator("#picture-0").scroll_into_view_if_needed()
    world = lambda: shown.get_attribute("#picture-0 .world", "transform")  # noqa: E731
    scale = lambda: float(re.findall(r"scale\(([\d.]+)\)", world())[0])  # noqa: E731
    before = scale()
    press(shown, "+")
    assert scale() == pytest.approx(1.25 * before)
    press(shown, "-", "0")
    area = shown.locator("#picture-0 svg").bounding_box()
    inside = shown.evaluate(
        """(() => { const a = document.querySelector('#picture-0 svg').getBoundingClientRect();
        return [...document.querySelectorAll('#picture-0 .box')].every(b => { const r = b.getBoundingClientRect();
            return r.left >= a.left - 1 && r.right <= a.right + 1 && r.top >= a.top - 1 && r.bottom <= a.bottom + 1 }) })()"""
    )
    assert inside
    at = world()
    shown.mouse.move(area["x"] + 20, area["y"] + area["height"] - 20)
    shown.mouse.down()
    shown.mouse.move(area["x"] + 120, area["y"] + area["height"] - 60, steps=4)
    shown.mouse.up()
    assert world() != at
    at = world()
    shown.keyboard.down("Control")
    shown.mouse.wheel(0, -200)
    shown.keyboard.up("Control")
    drawn(shown)
    assert world() != at
    at = world()
    shown.locator("#picture-0 .map").click(position={"x": 10, "y": 10})
    assert world() != at
    shown.click("button:has-text('fit')")
    assert world() != at


def test_hovering_traces_what_is_read_and_who_reads(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=0")
    shown.locator("#picture-0").scroll_into_view_if_needed()
    press(shown, "0")
    node = next(i for i, v in enumerate(examined.variables) if v.name == "p_1")
    owner = examined.variables[node].owner
    shown.hover(f"#picture-0 [data-node='{owner}']")
    drawn(shown)
    owners = {out: n for n in examined.snapshot(0).nodes for out in n.outputs}

    def above(number: int) -> set[int]:
        found = {owners[v].node for v in owners[number].inputs if v in owners}
        return found.union(*(above(examined.nodes[n].outputs[0]) for n in found))

    assert {int(k) for k in boxes(shown, ".up") if k.isdigit()} == above(node)
    assert boxes(shown, ".down")
    assert shown.locator("#picture-0 svg.tracing").count() == 1


def test_what_is_inside_a_fused_op_opens(examined: Recording, opened: Open) -> None:
    fused = next(n for n in examined.final_order if examined.ops[examined.nodes[n].op].inner is not None)
    shown = opened(examined, address=f"#step={len(examined.steps)}&panel=node&node={fused}")
    inner = examined.ops[examined.nodes[fused].op].inner
    assert inner is not None
    shown.click("button:has-text('what is inside')")
    drawn(shown)
    assert shown.locator(".inside svg .box:not(.root)").count() == len(inner.nodes)


def test_a_link_says_what_is_seen(examined: Recording, opened: Open) -> None:
    node = examined.final_order[0]
    shown = opened(examined, address=f"#step=70&node={node}&colour=origin&panel=step")
    assert moment(shown) == 70
    assert shown.input_value("#control-colour") == "origin"
    press(shown, "ArrowRight")
    rested(shown)
    assert "step=71" in shown.url
    assert f"node={node}" in shown.url
    assert "colour=origin" in shown.url
    shown.reload()
    rested(shown)
    assert moment(shown) == 71
    shown.goto(shown.url.partition("#")[0] + "#step=99999&node=<img src=x>&colour=none")
    shown.reload()
    assert moment(shown) == steps_with(examined, *LOUD)[0]


def test_the_graph_and_the_recording_can_be_kept(examined: Recording, opened: Open, tmp_path: Path) -> None:
    shown = opened(examined, accept_downloads=True)
    kept = {}
    for name in ("SVG", "PNG", "JSON"):
        with shown.expect_download() as waited:
            shown.click(f"footer button:has-text('{name}')")
        kept[name] = tmp_path / waited.value.suggested_filename
        waited.value.save_as(kept[name])
    root = ElementTree.parse(kept["SVG"]).getroot()
    words = {e.text for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "xent" in words
    assert float(root.attrib["width"]) > 300
    picture = Image.open(kept["PNG"])
    assert picture.width > 600
    assert len(picture.getcolors(10**6) or ()) > 20
    assert load(kept["JSON"]) == examined


def drop(shown: Any, name: str, text: str) -> None:
    shown.evaluate(
        """([name, text]) => { const t = new DataTransfer(); t.items.add(new File([text], name));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true })) }""",
        [name, text],
    )
    rested(shown)


def test_a_recording_can_be_dropped_onto_the_page(
    examined: Recording, loop: Recording, opened: Open, tmp_path: Path
) -> None:
    from graphs.inspection.file import to_json

    shown = opened(loop)
    drop(shown, "train.json", to_json(examined))
    assert "train" in shown.inner_text("h1")
    last = len(examined.steps)
    press(shown, "End")
    assert moment(shown) == last
    assert {int(key) for key in boxes(shown) if key.isdigit()} >= {*examined.final_order}
    seen: dict[str, str] = {}
    for _ in range(30):
        press(shown, "ArrowLeft")
        for key, place in boxes(shown).items():
            assert seen.setdefault(key, place) == place
    drop(shown, "other.json", '{"format": "graphs recording", "version": 1}')
    assert "other.json cannot be shown" in shown.inner_text("#told")
    assert "version 1" in shown.inner_text("#told")
    for text in (
        "[" * 100_000,
        "not JSON",
        '{"format": "graphs recording", "version": 6, "columns": {}, "recording": {}}',
    ):
        drop(shown, "bad.json", text)
        assert "bad.json cannot be shown" in shown.inner_text("#told")
    assert moment(shown) == last - 30  # what was there is still there
    (tmp_path / "loop.json").write_text(to_json(loop))
    shown.set_input_files("#file", tmp_path / "loop.json")
    rested(shown)
    assert "loop" in shown.inner_text("h1")


def test_two_recordings_on_one_time_line(examined: Recording, opened: Open) -> None:
    shorter = msgspec.structs.replace(examined, name="other")
    steps = list(examined.steps)
    cut = len(steps) - 3  # the same story without its last three steps
    final = [n.node for n in examined.snapshot(cut).nodes]
    other = msgspec.structs.replace(
        shorter,
        steps=tuple(steps[:cut]),
        final_order=tuple(final),
        evaluation=None,
        measurements=None,
        counterfactuals=None,
        whys=None,
    )
    shown = opened(examined, other, labels=("with", "without"), address="#step=5")
    assert shown.locator(".strip").count() == 2
    assert shown.locator(".picture").count() == 2
    assert f"They part after {cut} steps" in shown.inner_text("#answer")
    press(shown, "End")
    assert moment(shown) == len(steps)
    labels = [shown.get_attribute(f"#picture-{i} svg", "aria-label") for i in (0, 1)]
    assert labels[0].startswith(f"with: graph at step {len(steps)}")
    assert f"with: step {len(steps)} of {len(steps)}" in panel(shown)  # the one that makes a step here
    assert labels[1].startswith(f"without: graph after step {cut}")
    shown.check("#fold-shapes")  # one filter for both sides
    drawn(shown)
    for i in (0, 1):
        assert not [
            w
            for w in shown.eval_on_selector_all(
                f"#picture-{i} .box:not(.root) .word", "all => all.map(e => e.textContent)"
            )
            if w == "ExpandDims"
        ]
    shown.click("#answer button:has-text('They part')")
    rested(shown)
    assert moment(shown) == cut + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes(scheme: str, examined: Recording, opened: Open) -> None:
    shown = opened(examined, color_scheme=scheme)
    ground = lambda: shown.evaluate("getComputedStyle(document.documentElement).backgroundColor")  # noqa: E731
    first = ground()
    assert (first == "rgb(255, 255, 255)") == (scheme == "light")
    shown.click(f"#theme-{'dark' if scheme == 'light' else 'light'}")
    assert ground() != first
    shown.click("#theme-auto")
    assert ground() == first


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_axe_finds_no_violation(
    size: tuple[int, int], scheme: str, examined: Recording, opened: Open
) -> None:
    axe = (node_modules() / "axe-core/axe.min.js").read_text()
    step = steps_with(examined, *LOUD)[0]
    shown = opened(
        examined, size=size, color_scheme=scheme, address=f"#step={step}&node={examined.final_order[0]}"
    )
    shown.evaluate(axe)
    shown.locator("#whatif [role=switch]").first.click()
    shown.locator("#nodes-table summary").click()
    for tab in ("step", "node", "source", "code"):
        shown.click(f"#tab-{tab}")
        rested(shown)
        found = shown.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        told = [f"{v['id']}: {[n['html'][:150] for n in v['nodes'][:2]]}" for v in found["violations"]]
        assert not told, "\n".join([tab, *told])
        assert len(found["passes"]) > 15


def test_every_graph_has_a_table(examined: Recording, opened: Open) -> None:
    step = next(i for i, s in enumerate(examined.steps, start=1) if s.gone and s.come)
    shown = opened(examined, address=f"#step={step}")
    shown.click("#nodes-table summary")
    rested(shown)
    rows = shown.locator("#nodes-table tbody tr")
    made = examined.steps[step - 1]
    assert rows.count() == len(examined.snapshot(step).nodes) + len(made.gone)
    assert shown.locator("#nodes-table tr.gone").count() == len(made.gone)
    assert shown.locator("#nodes-table tr.come").count() == len(made.come)
    press(shown, "ArrowRight")
    rested(shown)
    assert f"step {step + 1}" in shown.inner_text("#nodes-table caption")


@pytest.mark.parametrize(("size", "ratio"), [((390, 844), 3.0), ((640, 400), 2.0)], ids=["phone", "at 200 %"])
def test_narrow_windows_scroll_one_way_only(
    size: tuple[int, int], ratio: float, examined: Recording, opened: Open
) -> None:
    shown = opened(examined, size=size, device_scale_factor=ratio)
    rested(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") <= size[0]
    for part in ("#picture-0", "#details"):  # below each other, each as wide as the window
        assert shown.locator(part).bounding_box()["width"] > 0.9 * size[0]
    assert shown.evaluate(
        """[...document.querySelectorAll('p, h1, h2, button, label')].every(e => { const r = e.getBoundingClientRect();
        return r.width === 0 || e.closest('.scroll, .hidden, .skip, .panel') || r.right <= innerWidth + 1 })"""
    )


def test_reduced_motion(examined: Recording, opened: Open) -> None:
    shown = opened(examined, reduced_motion="reduce")
    step = steps_with(examined, *LOUD)[0]
    shown.evaluate("scrollTo(0, document.body.scrollHeight)")
    shown.evaluate("document.querySelector('#answer .story button:nth-of-type(3)').click()")
    at = shown.evaluate(
        """new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>
            done(document.querySelector('#walk').getBoundingClientRect().top))))"""
    )
    assert abs(at) < 5, step  # there at once, not on its way


def test_without_javascript_there_are_pictures_and_a_table(examined: Recording, opened: Open) -> None:
    shown = opened(examined, java_script_enabled=False)
    assert shown.locator("noscript svg.still, svg.still").count() == 2
    words = shown.locator("svg.still >> nth=1").text_content()
    assert "fused" in words or "Composite" in words or "w" in words
    assert shown.locator("table tbody tr").count() == len(examined.steps)
    assert "repairs" in shown.inner_text("main")


def test_it_needs_no_network(examined: Recording, opened: Open) -> None:
    shown = opened(examined, offline=True)
    press(shown, "End")
    assert moment(shown) == len(examined.steps)


def test_a_notebook_shows_it_in_a_frame(examined: Recording, browser: Any, tmp_path: Path) -> None:
    found = page(examined)
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><body>{found._repr_html_()}</body>")
    context = browser.new_context()
    shown = context.new_page()
    errors: list[str] = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto((tmp_path / "notebook.html").as_uri())
    frame = shown.frame_locator("iframe")
    assert "repairs" in frame.locator("#answer").inner_text()
    frame.locator("button[aria-label='as compiled']").click()
    assert frame.locator("#timeline-0 .strip").get_attribute("aria-valuenow") == str(len(examined.steps))
    # what is in the frame cannot reach the notebook
    reached = shown.frames[1].evaluate(
        "(() => { try { return String(parent.document.title) } catch (e) { return 'refused' } })()"
    )
    assert reached == "refused"
    assert not errors
    context.close()


def test_a_hidden_quote_in_an_address_stays_text(examined: Recording, opened: Open) -> None:
    shown = opened(examined, address="#step=1&fold=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert moment(shown) == 1
    assert "script" not in unquote(shown.url.partition("#")[2]) or shown.locator("script").count() == 4
