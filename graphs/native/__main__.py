"""``python -m graphs.native clear``: remove what the native linker has kept."""

from __future__ import annotations

import argparse

from graphs.native.run import cache


def main() -> int:
    """Parse, call, show."""
    parser = argparse.ArgumentParser(prog="python -m graphs.native", description="The native linker's cache.")
    parser.add_argument("action", choices=["clear"], help="remove every cached program and library")
    parser.parse_args()
    count, where = cache.clear()
    print(f"{count} files removed from {where}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
