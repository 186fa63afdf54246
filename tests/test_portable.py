"""Nothing that only POSIX has is needed to import the package or to run it without: shown with all of it taken away."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

#: Taken away before anything of ours is imported; what others (PyTensor, SciPy) need of it, they have imported before.
WITHOUT_POSIX = """
import importlib, os, pkgutil, select, signal, sys

for name in ("matplotlib.figure", "matplotlib.backends.backend_agg", "pytensor.tensor", "scipy.optimize", "rich.console",
             "numba", "rich.progress", "tempfile", "subprocess", "multiprocessing", "concurrent.futures",
             "sklearn.linear_model"):
    importlib.import_module(name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "crypt", "readline"):
    sys.modules[name] = None
for module, names in (
    (os, "fork forkpty register_at_fork getuid geteuid getgid getpgid setsid killpg sched_getaffinity sched_setaffinity "
         "uname mkfifo chown fchmod fchown statvfs wait4 waitid getloadavg sysconf openpty nice O_CLOEXEC O_DIRECTORY "
         "O_NOFOLLOW O_NONBLOCK"),
    (signal, "SIGHUP SIGKILL SIGALRM SIGUSR1 SIGUSR2 SIGCHLD setitimer alarm pthread_sigmask pthread_kill sigwait"),
    (select, "poll epoll"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
os.supports_dir_fd.clear()
os.supports_follow_symlinks.clear()
"""
IMPORTS = """
import graphs
peers = {"autograd", "jax", "torch"}
sys.modules.update(dict.fromkeys(peers))  # what they need of POSIX is their own affair
for module in pkgutil.walk_packages(graphs.__path__, "graphs."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in peers:
            raise
print("imported")
"""
RUNS = """
sys.argv[0] = "graphs"
from graphs.commands.entry import enter
enter()
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX + code, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )


def test_every_module_imports_without_posix():
    done = run(IMPORTS)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr


def test_the_experiment_runs_without_posix(tmp_path):
    small = ("--mode", "FAST_COMPILE", "--steps", "20", "--samples", "20", "--features", "4")
    done = run(RUNS, "reproduce", *small, "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "out").iterdir())) == 8
    assert run(RUNS, "reproduce", "--resume", "--quiet", "--out", str(tmp_path / "out")).returncode == 0


def test_a_graph_is_inspected_without_posix():
    done = run(RUNS, "inspect", "--quick", "--mode", "FAST_COMPILE")
    assert (done.returncode, done.stderr) == (0, "")
    assert "rewrites" in done.stdout
