"""Enough of RFC 6455 to talk to a WebSocket byte by byte; see `support.server` for the connection."""

from __future__ import annotations

import struct

from support.server import Client, Response

TEXT, CLOSE = 1, 8
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455 §1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def shake_hands(client: Client, target: str, **headers: str) -> Response:
    """Ask for a WebSocket; return the answer."""
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": _KEY}
    client.request("GET", target, **{**asked, **headers})
    return client.receive()


def send_frame(client: Client, payload: bytes, opcode: int = TEXT) -> None:
    """Send a frame of at most 125 bytes, masked by zeros."""
    client.send(struct.pack("!BB4x", 0x80 | opcode, 0x80 | len(payload)) + payload)


def receive_frame(client: Client) -> tuple[int, bytes]:
    """Return opcode and payload of the next frame, of at most 125 bytes."""
    first, length = client.read(2)
    return first & 0x0F, client.read(length)


def close_code(payload: bytes) -> int:
    """Return the code of a close frame."""
    return int.from_bytes(payload[:2], "big")
