"""Run the original's experiment and show what it prints, then the facts about the run."""

from graphs.commands.reproduce import main
from graphs.commands.ending import run

if __name__ == "__main__":
    run("reproduce", main)
