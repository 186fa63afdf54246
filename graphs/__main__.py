"""``python -m graphs COMMAND …``."""

from graphs.commands.entry import main

if __name__ == "__main__":
    main()
