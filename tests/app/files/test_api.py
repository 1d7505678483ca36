"""Files through the API as it runs, by the official client and by clients that misbehave."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import openai
import pytest

from app.files.staging import STALE_S
from tasks.settings import QueueSettings
from tests.app.files.api_server import ApiServer
from tests.app.files.forms import BOUNDARY, TEXT, URL, Part, encoded
from tests.conftest import RedisServer

LIMIT_BYTES, BATCH_LIMIT_BYTES = 220_000_000, 20_000_000
MB = 1_000_000
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def api(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API for all tests; it may be killed, and is started again."""
    api = ApiServer(
        QueueSettings(queue_url=redis_server.url, key_prefix=f"files-{os.getpid()}"),
        tmp_path_factory.mktemp("api"),
        MILLRACE_FILE_LIMIT_BYTES=str(LIMIT_BYTES),
        MILLRACE_BATCH_FILE_LIMIT_BYTES=str(BATCH_LIMIT_BYTES),
    )
    yield api
    api.kill()


@pytest.fixture
def official(api: ApiServer) -> openai.OpenAI:
    """The official client."""
    return openai.OpenAI(base_url=f"{api.url}/v1", api_key="none", max_retries=0, timeout=60)


def in_the_making(api: ApiServer) -> list[Path]:
    """What is in the staging folder."""
    return list((api.folder / "files" / ".staging").glob("*"))


def wait_until_nothing_is_in_the_making(api: ApiServer) -> None:
    """For ten seconds at most."""
    give_up_at = time.monotonic() + 10
    while in_the_making(api):
        assert time.monotonic() < give_up_at, in_the_making(api)
        time.sleep(0.02)


def begun(body: bytes, size: int) -> bytes:
    """The begin of an upload that announces ``size`` bytes."""
    lines = [f"POST {URL} HTTP/1.1", "Host: here", f"Content-Length: {size}"]
    lines += [f"{name}: {value}" for name, value in KIND.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_the_official_clients_life_of_a_file(official: openai.OpenAI) -> None:
    """50 MB of anything: made, found, listed, read, deleted."""
    data = os.urandom(50 * MB)
    made = official.files.create(
        file=("any.bin", data),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 7_200},
    )
    assert (made.bytes, made.filename, made.purpose) == (len(data), "any.bin", "user_data")
    assert made.expires_at == made.created_at + 7_200
    assert made.status == "processed"
    assert official.files.retrieve(made.id) == made
    assert made in official.files.list(purpose="user_data").data
    content = official.files.content(made.id).read()
    assert hashlib.sha256(content).digest() == hashlib.sha256(data).digest()
    deleted = official.files.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
    with pytest.raises(openai.NotFoundError) as gone:
        official.files.retrieve(made.id)
    assert gone.value.code == "file_not_found"


def test_the_official_client_pages_through_its_files(
    official: openai.OpenAI, tmp_path: Path
) -> None:
    """It asks for the next page by itself; a path is sent as a file of that name."""
    (tmp_path / "lines.jsonl").write_bytes(TEXT)
    made = [official.files.create(file=tmp_path / "lines.jsonl", purpose="evals") for _ in range(5)]
    listed = list(official.files.list(purpose="evals", limit=2, order="asc"))
    assert listed == made
    assert {each.filename for each in listed} == {"lines.jsonl"}


@pytest.mark.parametrize(("purpose", "size"), [("batch", 100 * MB), ("vision", LIMIT_BYTES + 1)])
def test_the_official_client_reads_that_a_file_is_too_large(
    api: ApiServer, official: openai.OpenAI, purpose: openai.types.FilePurpose, size: int
) -> None:
    """It is still sending when that is known, and is not cut off."""
    with pytest.raises(openai.APIStatusError) as refused:
        official.files.create(file=("big", b"x" * size), purpose=purpose)
    assert (refused.value.status_code, refused.value.param) == (413, "file")
    assert in_the_making(api) == []


def test_a_body_in_chunks_is_read_to_its_end(api: ApiServer) -> None:
    """Without a length that is known before."""
    body = encoded(Part("purpose", "batch"), Part("file", TEXT * 100_000, "x"))

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 100_001):
            yield body[at : at + 100_001]

    made = httpx.post(api.url + URL, content=pieces(), headers=KIND).json()
    content = httpx.get(f"{api.url}{URL}/{made['id']}/content").content
    assert content == TEXT * 100_000


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"5\r\nabcdefgh", b"-1\r\n\r\n"])
def test_a_body_of_broken_chunks_is_the_clients_fault(api: ApiServer, chunk: bytes) -> None:
    """Not the server's."""
    head = f"POST {URL} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in KIND.items())
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + chunk)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) == b"HTTP/1.1 400"


@pytest.mark.parametrize("closes", ["at once", "its sending half"])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    api: ApiServer, official: openai.OpenAI, closes: str
) -> None:
    """Neither bytes nor a record."""
    before = official.files.list().data
    body = encoded(Part("purpose", "batch"), Part("file", b"x" * 5 * MB, "x"))
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(begun(body[: len(body) // 2], len(body)))
        while not in_the_making(api):
            time.sleep(0.01)
        if closes == "its sending half":
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(12) == b"HTTP/1.1 400"
    wait_until_nothing_is_in_the_making(api)
    assert official.files.list().data == before
    assert "Traceback" not in api.log


def test_what_a_killed_process_left_goes_when_the_next_one_starts(api: ApiServer) -> None:
    """A day later; what is younger may be another process's."""
    body = encoded(Part("purpose", "batch"), Part("file", b"x" * 5 * MB, "x"))
    left: list[Path] = []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", api.port)) as connection:
            connection.sendall(begun(body[: len(body) // 2], len(body)))
            while not set(in_the_making(api)) - set(left):
                time.sleep(0.01)
            api.kill()
        left = in_the_making(api)
        api.start()
    assert sorted(in_the_making(api)) == sorted(left)
    assert len(left) == 2
    os.utime(left[0], (time.time() - STALE_S - 1,) * 2)
    api.kill()
    api.start()
    assert in_the_making(api) == [left[1]]
    left[1].unlink()


@contextmanager
def probed(api: ApiServer) -> Iterator[tuple[list[float], list[int]]]:
    """How long /health took, and what memory the process had, while the block ran."""
    waits_s: list[float] = []
    memory: list[int] = []
    over = threading.Event()
    worker = api.worker

    def probe() -> None:
        with httpx.Client() as client:
            while not over.wait(0.005):
                began = time.monotonic()
                assert client.get(f"{api.url}/health").status_code == 200
                waits_s.append(time.monotonic() - began)
                memory.append(worker.memory_info().rss)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield waits_s, memory
    finally:
        over.set()
        thread.join()


def test_others_are_served_while_200_mb_come_and_go(api: ApiServer, tmp_path: Path) -> None:
    """In memory there is never more than a small part of them."""
    with (tmp_path / "big").open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1_000) * 1_000)
    warm = httpx.post(api.url + URL, data={"purpose": "vision"}, files={"file": io.BytesIO(b"x")})
    assert warm.status_code == 200
    with probed(api) as (waits_s, memory), (tmp_path / "big").open("rb") as file:
        sent = httpx.post(
            api.url + URL, data={"purpose": "vision"}, files={"file": ("big", file)}, timeout=60
        )
        with httpx.stream("GET", f"{api.url}{URL}/{sent.json()['id']}/content", timeout=60) as got:
            received = sum(len(piece) for piece in got.iter_bytes(MB))
    assert sent.json()["bytes"] == received == 200 * MB
    assert max(memory) - memory[0] < 40 * MB
    # Alone it is a few milliseconds; a process that reads without giving way stalls for a second.
    assert sorted(waits_s)[int(len(waits_s) * 0.99)] < 0.25
