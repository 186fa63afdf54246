"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from graphs.commands.entry import enter

if __name__ == "__main__":
    enter("inspect")
