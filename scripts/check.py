"""Check the gradient of a cost, and find the Op whose gradient is wrong."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("check")
