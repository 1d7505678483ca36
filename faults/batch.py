"""A client of files and batches that goes to another API where one does not answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2 as httpx

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
REQUEST_S = 10.0
# A part that was killed is back within seconds; Redis with a large file takes longest.
OUTAGE_S = 60.0
PAUSE_S = 0.1
_CHUNK_BYTES = 1 << 20


class BatchClient:
    """Requests to several addresses, of which some may be down; what is asked can be repeated."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._http = httpx.Client(timeout=REQUEST_S)

    def __enter__(self) -> BatchClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create(self, source: Path, endpoint: str) -> dict[str, Any]:
        """Upload the input, and make a batch of it; nothing is injured before."""
        with source.open("rb") as file:
            answer = self._http.post(
                f"{self._urls[0]}/v1/files",
                data={"purpose": "batch"},
                files={"file": (source.name, file)},
            )
        order = {
            "input_file_id": told(answer)["id"],
            "endpoint": endpoint,
            "completion_window": "24h",
        }
        return told(self._http.post(f"{self._urls[0]}/v1/batches", json=order))

    def find(self, batch_id: str) -> dict[str, Any] | None:
        """The batch as it is; None when no API answers now."""
        for url in self._urls:
            try:
                answer = self._http.get(f"{url}/v1/batches/{batch_id}")
            except httpx.TransportError:
                continue
            if answer.status_code < 500:
                return told(answer)
        return None

    def download(self, file_id: str, target: Path) -> None:
        """The content of a file, whole, from whichever API gives it."""
        give_up_at = time.monotonic() + OUTAGE_S
        turn = 0
        while not self._downloaded(self._urls[turn % len(self._urls)], file_id, target):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no API gives the file {file_id}")
            time.sleep(PAUSE_S)
            turn += 1

    def _downloaded(self, url: str, file_id: str, target: Path) -> bool:
        try:
            with (
                self._http.stream("GET", f"{url}/v1/files/{file_id}/content") as answer,
                target.open("wb") as file,
            ):
                if answer.status_code >= 500:
                    return False
                answer.raise_for_status()
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
        except httpx.TransportError:
            return False
        return True


def told(answer: httpx.Response) -> dict[str, Any]:
    """The answer's body; ``RuntimeError`` with it where it is an error."""
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text[-500:]}")
    body: dict[str, Any] = answer.json()
    return body
