"""The middlewares of the example."""
