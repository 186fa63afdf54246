"""Write random samples to a folder of NPY shards: those of `reproduce --samples N`, at any size."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("data")
