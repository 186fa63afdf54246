"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

from graphs.commands.lesson import main
from graphs.commands.ending import run

if __name__ == "__main__":
    run("lesson", main)
