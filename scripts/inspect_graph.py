"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from graphs.commands.ending import run
from graphs.commands.inspect import main

if __name__ == "__main__":
    run("inspect", main)
