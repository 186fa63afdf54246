"""Several processes that do the work of native_work.py at once, of which one is killed: ``native_crowd COUNT SECONDS``."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback

COUNT, SECONDS = int(sys.argv[1]), float(sys.argv[2])


def work(writer: int) -> None:
    """In a child: compute, and say what comes out."""
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    sys.argv[1:] = []
    try:
        import native_work  # noqa: F401 - runs as it is imported, and leaves
    except SystemExit:
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


children = []
for _ in range(COUNT):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        work(writer)
    os.close(writer)
    children.append((child, reader))
time.sleep(SECONDS)
os.kill(children[COUNT // 2][0], signal.SIGKILL)
for number, (child, reader) in enumerate(children):
    with open(reader) as stream:
        said = " ".join(stream.read().split())
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"process {number}: {'killed' if ended == -signal.SIGKILL else said}")
