"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

from graphs.commands.ending import run
from graphs.commands.lesson import main

if __name__ == "__main__":
    run("lesson", main)
