"""How a run begins, or goes on: settings, data and progress, in one process or in several that must agree on them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from graphs import temporary
from graphs.data import Dataset
from graphs.environment import stamp
from graphs.experiment.checkpoints import load_checkpoint
from graphs.experiment.provenance import changes, provenance
from graphs.experiment.results import RunFolder
from graphs.experiment.settings import Settings
from graphs.files import write_whole
from graphs.sharded.cluster import Cluster
from graphs.sharded.layout import Layout
from graphs.training import Progress

__all__ = ["Beginning", "begin", "begin_together", "progress_together"]

MUST_AGREE = ("jax", "jaxlib", "pytensor", "numpy")


@dataclass(frozen=True)
class Beginning:
    """What is to be run, on what, from where, and where it is kept."""

    settings: Settings
    dataset: Dataset
    progress: Progress | None
    folder: RunFolder | None


def begin(
    asked: Mapping[str, Any],
    out: str | None,
    *,
    resume: bool,
    in_files: bool = False,
    layout: Layout | None = None,
) -> Beginning:
    """Open the run in `out`, or begin one there; or one that is not kept.

    Parameters
    ----------
    asked : mapping
        The settings that the user gave, by name.
    out : str or None
        A folder.
    resume : bool
        Whether it may hold a run, to go on with.
    in_files : bool
        As of :meth:`graphs.experiment.settings.Settings.load`.
    layout : Layout, optional
        Of devices, by which the features must divide.

    Raises
    ------
    InputError
        If something asked for cannot be used; then no folder was made.
    """
    if not (resume and out is not None and Path(out).exists()):
        dataset = Settings(**asked).load(in_files=in_files)  # refuse bad input before a folder is made
        if layout is not None:
            layout.check_features(len(dataset.initial_w))
    folder = RunFolder(out, resume=resume) if out is not None else None
    begun = folder.begun(asked, in_files=in_files) if folder else None
    if folder and begun:
        settings, dataset, progress = begun
        otherwise = changes(folder.path / "settings.json", settings)
        if otherwise:
            print(f"reproduce: {otherwise}.", file=sys.stderr)
        return Beginning(settings, dataset, progress, folder)
    settings = Settings(**asked)
    dataset = settings.load(in_files=in_files)
    return Beginning(
        settings, dataset, folder.begin(settings, dataset, provenance(settings)) if folder else None, folder
    )


def begin_together(cluster: Cluster, own: Beginning | None, checkpoint_every: int) -> Beginning:
    """What process 0 has begun, `own` there, in all processes: told, and compared as far as each sees it.

    Raises
    ------
    InputError
        In all, if one sees other data or has other versions.
    """
    settings = Settings(**cluster.tell(asdict(own.settings) if own else None))
    if own is None:
        own = Beginning(settings, settings.load(in_files=True), None, None)
    x, y, versions = own.dataset.x, own.dataset.y, stamp(MUST_AGREE)["versions"]
    cluster.compare(
        {
            "data": f"x of shape {x.shape}, {x.dtype}, and y of {y.dtype}",
            "checkpoint_every": str(checkpoint_every),
            **{name: versions.get(name, "none") for name in MUST_AGREE},
        }
    )
    return own


def progress_together(cluster: Cluster, begun: Beginning) -> Beginning:
    """The same with the progress that process 0 has, in all; JAX has started."""
    path = begun.folder.path / "checkpoint.npz" if begun.folder else None
    kept = cluster.share(path.read_bytes() if path else b"")
    if begun.folder or not kept:
        return begun
    with temporary.folder("progress") as folder:
        write_whole(folder / "checkpoint.npz", kept)
        progress, _ = load_checkpoint(folder / "checkpoint.npz")
    return replace(begun, progress=progress)
