"""Run an experiment of the texts: what they claim, and beside it what was found."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("run")
