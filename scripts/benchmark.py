"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("benchmark")
