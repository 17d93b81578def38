"""The command line: one module a command; what the commands write is below ``scaffolding``."""
