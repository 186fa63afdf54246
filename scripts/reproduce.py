"""Run the original's experiment and show what it prints, then the facts about the run."""

from graphs.commands.ending import run
from graphs.commands.reproduce import main

if __name__ == "__main__":
    run("reproduce", main)
