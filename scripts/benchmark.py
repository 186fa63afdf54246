"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from graphs.commands.benchmark import main
from graphs.commands.ending import run

if __name__ == "__main__":
    run("benchmark", main)
