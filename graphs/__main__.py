"""``python -m graphs COMMAND …``."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter()
