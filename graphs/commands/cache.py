"""Show where the native linker keeps its programs and how big they are, or remove them."""

from __future__ import annotations

import argparse

from graphs.compiled import cache
from graphs.foreign import plain
from graphs.terminal import size

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Call, show."""
    if given.action == "clear":
        count, where = cache.clear()
        print(f"{count} files removed from {plain(where)}")
    else:
        sizes = [state.st_size for _, state in cache.entries()]
        print(
            f"{len(sizes)} files, {size(sum(sizes))} of at most {size(cache.LIMIT_BYTES)}, in {plain(cache.folder())}"
        )
    return 0
