"""The HTTP modules of the example."""
