"""Signals: senders and receivers that do not know each other."""
