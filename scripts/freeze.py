"""Write compiled functions as C, to be called without PyTensor: by NumPy alone, or from a program in C."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("freeze")
