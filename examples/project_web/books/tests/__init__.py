"""The tests of the app: python -m unittest."""
