"""One WebSocket as a client has it: sends requests, and sorts what comes by their ids."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx
from simple_websocket import Client, ConnectionClosed


class Talk:
    """A connection to ``/v1/chat/ws``."""

    def __init__(
        self,
        port: int,
        headers: Mapping[str, str] | None = None,
        subprotocols: list[str] | None = None,
    ) -> None:
        self.client: Any = Client.connect(
            f"ws://127.0.0.1:{port}/v1/chat/ws",
            headers=dict(headers or {}),
            subprotocols=subprotocols,
        )

    def ask(self, id: str, content: str = "one two three", **changes: Any) -> None:
        """Send a request."""
        self.say(
            {"id": id, "model": "echo", "messages": [{"role": "user", "content": content}]}
            | changes
        )

    def say(self, message: object) -> None:
        """Send any message."""
        self.client.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def hear(self, timeout_s: float = 10) -> dict[str, Any]:
        """The next message; raises ``ConnectionClosed``."""
        message = self.client.receive(timeout=timeout_s)
        assert message is not None, "nothing was said"
        heard: dict[str, Any] = json.loads(message)
        return heard

    def hear_until(self, word: str, timeout_s: float = 10) -> list[dict[str, Any]]:
        """Messages up to and with the first that has the field ``word``."""
        heard = [self.hear(timeout_s)]
        while word not in heard[-1]:
            heard.append(self.hear(timeout_s))
        return heard

    def hear_ends(self, count: int) -> dict[str | None, list[dict[str, Any]]]:
        """Messages by id until ``count`` requests have ended."""
        heard: dict[str | None, list[dict[str, Any]]] = {}
        ends = 0
        while ends < count:
            message = self.hear()
            heard.setdefault(message["id"], []).append(message)
            ends += "done" in message or "error" in message
        return heard

    def hear_close(self, timeout_s: float = 10) -> int:
        """The code that the connection is closed with; what comes before is not looked at."""
        give_up_at = time.monotonic() + timeout_s
        while time.monotonic() < give_up_at:
            try:
                self.client.receive(timeout=0.1)
            except ConnectionClosed as closed:
                return int(closed.reason)
        raise AssertionError("it stays open")

    def leave(self) -> None:
        """Close the connection, if it is open."""
        with contextlib.suppress(ConnectionClosed, OSError):
            self.client.close()


def knock(url: str, **headers: str) -> int:
    """The status that a handshake with these headers is answered."""
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    return httpx.get(f"{url}/v1/chat/ws", headers=handshake | headers).status_code


def text_of(messages: list[dict[str, Any]]) -> str:
    """The text of an answer's chunks."""
    chunks = [message["chunk"] for message in messages if "chunk" in message]
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
    )
