"""A command whose standard output takes nothing: ``odd_output WHAT COMMAND …``, WHAT one of full, unread and closed."""

from __future__ import annotations

import os
import sys

from graphs.commands.entry import enter

what, *command = sys.argv[1:]
if what == "full":
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
elif what == "unread":
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
else:
    os.close(1)
    sys.stdout = None  # type: ignore[assignment]  # as Python finds it
sys.argv[1:] = command
enter()
