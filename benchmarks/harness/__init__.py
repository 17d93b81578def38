"""How the frameworks of `peers` are measured; `compare.py` is the program."""
