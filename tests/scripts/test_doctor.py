"""The doctor's command, run as its users run it."""

from __future__ import annotations

import pytest


def test_a_table_is_kept_and_laid_beside(run_forked, tmp_path):
    kept = tmp_path / "doctor.json"
    done = run_forked("doctor", "--mode", "FAST_COMPILE", "--mode", "CVM", "--json", str(kept))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"kept in {kept}\n")
    rows = [row.split() for row in done.stdout.splitlines()]
    assert ["rewrite", "FAST_COMPILE", "CVM"] in rows
    assert [*["log1p(−sigmoid(x))", "→", "−softplus(x)"], "NO", "fires"] in rows
    beside = run_forked("doctor", "--mode", "none", "--beside", str(kept))
    assert beside.returncode == 0, beside.stderr
    rows = [row.split() for row in beside.stdout.splitlines()]
    assert ["rewrite", "none", "FAST_COMPILE", "CVM"] in rows
    assert [*["log1p(−sigmoid(x))", "→", "−softplus(x)"], "NO", "NO", "fires"] in rows


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--mode", "FASTEST"), "FAST_COMPILE"),
        (("--mode", ""), "mode"),
        (("--beside", "/no/such.json"), "/no/such.json"),
        (("--beside", "{here}"), "what graphs doctor --json keeps"),
        (("--json", "/dev/null"), "json"),
        (("--json", "{here}/no"), "json"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(run_forked, arguments, named):
    done = run_forked("doctor", *(argument.format(here=__file__) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert named in sentence
