"""Teach one thing at a time by running it: when Python runs, what far logits do, what a rewrite buys."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("lesson")
