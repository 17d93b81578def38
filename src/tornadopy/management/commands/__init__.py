"""The commands, a module each; `tornadopy.management.cli` finds them by their names."""
