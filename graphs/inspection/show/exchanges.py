"""What XLA's partitioner inserted into a training step, in the compiled HLO, beside the node that caused it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from graphs.foreign import plain
from graphs.sharded.partition import Partition
from graphs.terminal import table

__all__ = ["exchanges_view"]

LONGEST = 2000  # characters of an instruction


def exchanges_view(partition: Partition) -> RenderableType:
    """Each exchange: what and when, for which nodes, and its line of the compiled HLO."""
    devices = f"{partition.devices} devices ({partition.platform}), mesh {partition.layout}"
    said = Text(f"{devices}: {partition.bytes_per_step:,} bytes at every step, on each device.")
    if not partition.collectives:
        return Group(Text(f"{devices}: the partitioner has put no exchange between devices in."))
    shown = table(Column("exchange", overflow="fold"), Column("for", overflow="fold"))
    for (what, why), each in zip(partition.sentences(), partition.collectives, strict=True):
        shown.add_row(what, plain(why, LONGEST))
        shown.add_row("", Text(plain(each.line, LONGEST), style="dim"))
    note = "Bytes are those of the result, once; how often a transport sends them is its own affair."
    return Group(said, shown, Text(note))
