"""The handlers of the app."""
