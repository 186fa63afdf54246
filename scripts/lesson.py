"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

import sys

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter(["lesson", *sys.argv[1:]])
