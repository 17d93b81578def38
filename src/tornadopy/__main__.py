"""``python -m tornadopy``: the command line, where the script ``tornadopy`` is not on the path."""

from __future__ import annotations

from tornadopy.management.cli import main

if __name__ == "__main__":
    main()
