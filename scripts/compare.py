"""Run the experiment in every framework that is installed, and show what differs."""

from graphs.commands.compare import main
from graphs.commands.ending import run

if __name__ == "__main__":
    run("compare", main)
