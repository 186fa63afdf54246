"""Show where the native linker keeps its programs and how big they are, or remove them."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("cache")
