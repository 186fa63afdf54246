"""Show which stabilizing rewrites fire here, in every mode."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("doctor")
