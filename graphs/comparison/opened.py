"""The worker processes of one formula, each with the line of the record that it belongs to."""

from __future__ import annotations

from typing import Any

from graphs.comparison.processes import Failure, Process

__all__ = ["Opened"]


class Opened:
    """Processes that are open at the same time, to be asked in turn.

    Parameters
    ----------
    timeout : float
        Seconds that one answer may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._processes: list[tuple[dict[str, Any], Process]] = []

    def add(self, run: dict[str, Any], process: Process) -> None:
        """Take in the process that belongs to `run`."""
        self._processes.append((run, process))

    def standing(self) -> list[dict[str, Any]]:
        """Runs whose process has neither ended nor failed."""
        return [run for run, _ in self._processes if run["status"] == "unfinished"]

    def ask(self, run: dict[str, Any], do: str, *, optional: bool = False, **request: Any) -> dict[str, Any]:
        """The answer; empty, with the reason in the record, where there is none."""
        if run["status"] != "unfinished":
            return {}
        (process,) = (process for of, process in self._processes if of is run)
        try:
            return process.ask(do, self._timeout, **request)
        except Failure as failure:
            if optional and failure.status == "failed":
                run.setdefault("notes", []).append(f"{do}: {failure.happened}")
            else:
                run |= {"status": failure.status, "happened": f"{do}: {failure.happened}"}
            return {}

    def close(self, *, at_once: bool = False) -> None:
        """End all: let each end by itself, or not."""
        for _, process in self._processes:
            process.let_end()  # all of them, before any is waited for
        for _, process in self._processes:
            process.close(at_once=at_once)
