"""Run the experiment in every framework that is installed, and show what differs."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("compare")
