"""JAX counts devices when it starts: what needs several runs in a process of its own, and prints what it found as JSON."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

pytest.importorskip("jax")

DEVICES = 8


@functools.cache
def on_devices(name: str, *arguments: str) -> dict[str, Any]:
    """What the function of that name in tests/sharded/work.py returns, on 8 devices."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.sharded.work", name, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
