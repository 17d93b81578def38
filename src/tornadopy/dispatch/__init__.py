"""Signals: senders and receivers that do not know each other."""

from tornadopy.dispatch.dispatcher import Receiver, Signal, receiver

__all__ = ["Receiver", "Signal", "receiver"]
