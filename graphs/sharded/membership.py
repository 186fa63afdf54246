"""What a process is told of the others that it is to run with, and the check that it makes sense."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.errors import InputError, whole_in, whole_number
from graphs.foreign import quoted

__all__ = ["DETECTED", "MOST_PROCESSES", "Membership"]

MOST_PROCESSES = 2**16
DETECTED = "auto"  # as a coordinator: whatever JAX finds of a cluster


@dataclass(frozen=True)
class Membership:
    """One of `processes` that meet where process 0 listens; or all of them, to be started here."""

    processes: int | None = None
    coordinator: str | None = None  # HOST:PORT, or `DETECTED`
    process_id: int | None = None

    def check(self) -> None:
        """Refuse what does not fit together."""
        if self.processes is not None:
            whole_number("processes", self.processes, 1, MOST_PROCESSES)
        if self.coordinator is None or self.coordinator == DETECTED:
            if self.process_id is not None:
                remedy = "leave it out, or give --coordinator HOST:PORT"
                found = f"{self.process_id}, and no address of process 0"
                raise InputError("process_id", found=found, allowed="one beside --coordinator", remedy=remedy)
            if self.coordinator and self.processes is not None:
                allowed = "none: the cluster says how many there are"
                raise InputError(
                    "processes", found=f"{self.processes} with --coordinator auto", allowed=allowed
                )
            return
        _ = self.address
        for name, value in (("processes", self.processes), ("process_id", self.process_id)):
            if value is None:
                allowed = "--coordinator HOST:PORT, --process-id K and --processes N together"
                raise InputError(name, found="nothing beside --coordinator", allowed=allowed)
        assert self.processes is not None
        whole_number("process_id", self.process_id, 0, self.processes - 1)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the coordinator."""
        host, colon, port = (self.coordinator or "").rpartition(":")
        number = whole_in(port)
        if not (host and colon and isinstance(number, int) and 0 < number < 2**16):
            allowed = "HOST:PORT of process 0, such as 10.0.0.1:9000; or auto, under SLURM and Kubernetes"
            raise InputError("coordinator", found=quoted(self.coordinator), allowed=allowed)
        return host.strip("[]"), number

    @property
    def starts_others(self) -> bool:
        """Whether the processes are to be started here."""
        return (self.processes or 1) > 1 and self.coordinator is None
