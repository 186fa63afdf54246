"""The command that writes samples, run as its users run it."""

from __future__ import annotations

import numpy as np

import graphs


def test_the_originals_samples_in_shards(run_forked, tmp_path, original):
    done = run_forked("data", "--shards", "3", "--out", str(tmp_path / "shards"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"x 400 × 784 float64, 2.51 MB, 3 shards; kept in {tmp_path / 'shards'}\n"
    data = graphs.read(tmp_path / "shards")
    np.testing.assert_array_equal(data.x, original.x)
    np.testing.assert_array_equal(data.initial_w, original.initial_w)
    again = run_forked("data", "--out", str(tmp_path / "shards"))
    assert again.returncode == 2
    assert again.stderr.startswith("data: out: found ")


def test_bad_input(run_forked, tmp_path):
    for arguments, says in (
        ([], "out: found nothing"),
        (["--rows", "0"], "rows: found 0"),
        (["--rows", "many"], "rows: found 'many'"),
        (["--shards", "401"], "shards: found 401"),
        (["--seed", "-1"], "seed: found -1"),
    ):
        out = ["--out", str(tmp_path / "new")] if arguments else []
        done = run_forked("data", *arguments, *out)
        assert done.returncode == 2
        assert done.stderr.startswith(f"data: {says}"), done.stderr
    assert not (tmp_path / "new").exists()


def test_reproduce_reads_them(run_forked, tmp_path):
    assert run_forked("data", "--shards", "2", "--out", str(tmp_path / "shards")).returncode == 0
    one, other = (
        run_forked("reproduce", "--steps", "30", "--json", *more)
        for more in ([], ["--data", str(tmp_path / "shards")])
    )
    final = [done.stdout.partition('"final"')[2].partition('"first_perfect')[0] for done in (one, other)]
    assert final[0] == final[1] != ""
