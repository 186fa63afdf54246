"""Write random samples to a folder of NPY shards."""

from __future__ import annotations

import argparse

from graphs.errors import InputError
from graphs.foreign import plain
from graphs.shards import draw_shards, open_shards
from graphs.terminal import Shown, size

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Draw, write, read the headers back, show."""
    if given.out is None:
        raise InputError("out", found="nothing", allowed="--out DIR, the folder to write")
    with Shown() as listener:
        listener.begins("drawing")
        folder = draw_shards(
            given.out,
            samples=given.rows,
            features=given.features,
            seed=given.seed,
            shards=given.shards,
            told=listener.progress,
        )
    x = open_shards(folder).x
    numbers = x.shape[0] * x.shape[1] * x.dtype.itemsize
    print(
        plain(
            f"x {x.shape[0]} × {x.shape[1]} {x.dtype}, {size(numbers)}, {len(x.paths)} shards; kept in {folder}"
        )
    )
    return 0
