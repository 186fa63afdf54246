"""Run the original's experiment and show what it prints, then the facts about the run."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("reproduce")
