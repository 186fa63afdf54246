"""One process of a run on many: it meets the others, starts JAX with them, and agrees with them on what must be agreed on."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from graphs.errors import InputError
from graphs.sharded.layout import Layout
from graphs.sharded.local import follow_starter
from graphs.sharded.membership import DETECTED, Membership
from graphs.sharded.roll_call import BEAT, LAST_WORDS, PATIENCE, SILENCE, RollCall, leave

__all__ = ["Cluster", "devices_here", "joined"]

HOST_BYTES = 256
JAX_PATIENCE = 120  # seconds for JAX's own start and end, when all are known to be there


def devices_here(count: int) -> None:
    """Have JAX count this machine's processor as so many devices; before it starts.

    Raises
    ------
    InputError
        If it has started with another number.
    """
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError as started:
        if jax.local_device_count() < count:
            found = f"{count} devices, where JAX has started with {jax.local_device_count()}"
            raise InputError("mesh", found=found, allowed="a number given before JAX starts") from started


class Cluster:
    """A run of one process; `_Joined` is one of many."""

    process, processes = 0, 1

    @property
    def leads(self) -> bool:
        """Whether this process reads and writes files, shows and is asked: one of them does."""
        return self.process == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        pass

    def tell(self, value: Any = None) -> Any:
        """What process 0 says, in all."""
        return value

    def compare(self, facts: dict[str, str]) -> None:
        """Refuse, in all, where one has other facts."""

    def start(self, layout: Layout | None) -> Layout:
        """Start JAX with as many devices as this process has of the layout; default: all there are."""
        import jax

        if layout is not None:
            devices_here(layout.check_processes(self.processes))
        return layout or Layout(len(jax.devices()))

    def share(self, data: bytes) -> bytes:
        """The bytes that process 0 has, in all; through JAX."""
        return data

    def agreed(self, asked: Callable[[], bool]) -> Callable[[], bool]:
        """Whether any of them is asked to stop: all find the same, when all ask."""
        return asked

    def work_begins(self, remedy: str) -> None:
        """From now on work is lost where a process is: what to say then."""

    def goes_on_alone(self) -> None:
        """From now on this process computes and shows without the others, which wait for it."""


class _Joined(Cluster):
    """One of several processes."""

    def __init__(self, roll_call: RollCall, host: str, stdout: _Stdout, *, started: bool) -> None:
        self.roll_call, self.host, self.started = roll_call, host, started
        self.process, self.processes = roll_call.process, roll_call.processes
        self._stdout = stdout

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._stdout.back()
        if error is None:
            self.roll_call.part()
            self.roll_call.wait_for_process_0()
            return
        # An error of JAX's is of a sum that failed: who is gone is soon said, and that ends this process.
        # Gloo's comes as a ValueError on some versions.
        failed_sum = isinstance(error, RuntimeError) or "Gloo" in str(error)
        self.roll_call.wait_for_an_end(SILENCE + BEAT if failed_sum else 0.0)
        if isinstance(error, InputError):
            self.roll_call.part(error)
        else:
            self.roll_call.lost(f"{type(error).__name__}: {error}")
        # At this process's end JAX would wait for the others, which are ending.
        last = threading.Timer(LAST_WORDS, leave, (2 if isinstance(error, InputError) else 1,))
        last.daemon = True
        last.start()

    def tell(self, value: Any = None) -> Any:
        return self.roll_call.tell(value)

    def compare(self, facts: dict[str, str]) -> None:
        self.roll_call.compare(facts)

    def start(self, layout: Layout | None) -> Layout:
        import jax

        if layout is not None:
            devices_here(layout.check_processes(self.processes))
        if not self.started:
            port = self.roll_call.tell(_free_port() if self.leads else None)
            _start_jax(f"{self.host}:{port}", self.processes, self.process)
        devices = len(jax.devices())
        if layout is None:
            layout = Layout(devices)
        self.roll_call.compare({"mesh": f"{layout} of {devices} devices, {jax.devices()[0].platform}"})
        return layout

    def share(self, data: bytes) -> bytes:
        from jax.experimental.multihost_utils import broadcast_one_to_all

        length = int(broadcast_one_to_all(np.int64(len(data))))
        whole = np.zeros(length, np.uint8)
        if self.leads:
            whole[:] = np.frombuffer(data, np.uint8)
        return np.asarray(broadcast_one_to_all(whole)).astype(np.uint8).tobytes()

    def agreed(self, asked: Callable[[], bool]) -> Callable[[], bool]:
        from jax.experimental.multihost_utils import process_allgather

        return lambda: bool(process_allgather(np.array(asked())).any())

    def work_begins(self, remedy: str) -> None:
        self.roll_call.remedy = remedy
        self.roll_call.at_work()

    def goes_on_alone(self) -> None:
        self._stdout.back()


def joined(membership: Membership, name: str) -> Cluster:
    """The cluster that this process belongs to, met; a run of one where nothing was said of others.

    Raises
    ------
    InputError
        As :meth:`graphs.sharded.roll_call.RollCall.meet`; or where JAX finds no cluster.
    """
    follow_starter()
    if membership.coordinator is None or membership.processes == 1:
        return Cluster()
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "3"
    )  # JAX's C++ tells in many lines what is said here in one
    if membership.coordinator == DETECTED:
        return _detected(name)
    assert membership.process_id is not None
    assert membership.processes is not None
    host, port = membership.address
    roll_call = RollCall(membership.process_id, membership.processes, name)
    roll_call.meet(host, port)
    return _Joined(roll_call, host, _Stdout(), started=False)


def _detected(name: str) -> Cluster:
    """SLURM, Kubernetes and what else JAX knows: it finds the others, and they meet where process 0 says."""
    import jax
    from jax.experimental.multihost_utils import broadcast_one_to_all

    stdout = _Stdout()
    try:
        _start_jax()
    except (ValueError, RuntimeError) as error:
        stdout.back()
        problem = str(error).strip().partition("\n")[0]
        raise InputError(
            "coordinator",
            found=f"auto, where JAX finds no cluster ({problem})",
            allowed="auto within a job of SLURM, Kubernetes or another that JAX detects; or HOST:PORT",
        ) from error
    if jax.process_count() == 1:
        stdout.back()
        return Cluster()
    roll_call = RollCall(jax.process_index(), jax.process_count(), name)
    host, port = np.zeros(HOST_BYTES, np.uint8), 0
    if roll_call.process == 0:
        port = roll_call.listen()
        named = _reachable_name().encode()[:HOST_BYTES]
        host[: len(named)] = np.frombuffer(named, np.uint8)
    host, port = broadcast_one_to_all((host, np.int64(port)))
    address = np.asarray(host).astype(np.uint8).tobytes().rstrip(b"\0").decode()
    if roll_call.process == 0:
        roll_call.call(PATIENCE)
    else:
        roll_call.meet(address, int(port))
    return _Joined(roll_call, address, stdout, started=True)


def _start_jax(*place: Any) -> None:
    import jax

    options = {"initialization_timeout": JAX_PATIENCE, "shutdown_timeout_seconds": JAX_PATIENCE}
    jax.distributed.initialize(*place, **options)


class _Stdout:
    """Standard output kept for results while they are computed: Gloo's C++ writes a line to it for each connection."""

    def __init__(self) -> None:
        self._kept: int | None = None
        with contextlib.suppress(OSError, ValueError):  # a process without one
            sys.stdout.flush()
            self._kept = os.dup(1)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)

    def back(self) -> None:
        """As it was."""
        if self._kept is not None:
            os.dup2(self._kept, 1)
            os.close(self._kept)
            self._kept = None


def _free_port() -> int:
    with socket.create_server(("", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _reachable_name() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
