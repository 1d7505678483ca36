"""Files in an S3 store, through the API as it runs: asyncio behind greenlets."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest

from tasks.settings import QueueSettings
from tests.app.files.api_server import ApiServer
from tests.app.files.forms import URL
from tests.app.files.s3_server import BUCKET, S3Server
from tests.conftest import RedisServer

MB = 1_000_000


@pytest.fixture
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server of the test's own."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.kill()


@pytest.fixture
def api(
    s3: S3Server, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """An API that keeps its files there."""
    api = ApiServer(
        QueueSettings(queue_url=redis_server.url, key_prefix=f"s3-{s3.port}"),
        tmp_path_factory.mktemp("api"),
        MILLRACE_FILES_URL=f"s3://{BUCKET}/some/folder",
        **s3.environment,
    )
    yield api
    api.kill()


def upload(api: ApiServer, data: bytes) -> httpx.Response:
    """The answer to an upload."""
    return httpx.post(
        api.url + URL, data={"purpose": "vision"}, files={"file": ("x", data)}, timeout=90
    )


def content(api: ApiServer, file_id: str) -> httpx.Response:
    """The answer to who asks for a file's bytes."""
    return httpx.get(f"{api.url}{URL}/{file_id}/content", timeout=90)


def in_the_making(api: ApiServer) -> list[str]:
    """Files on their way to the store."""
    return [path.name for path in (api.folder / "uploads").glob("*")]


def at_once(number: int, work: Callable[[int], None]) -> None:
    """Run ``work`` in so many threads; the first error of any is raised."""
    failed: list[BaseException] = []

    def run(each: int) -> None:
        try:
            work(each)
        except BaseException as error:  # noqa: BLE001 - of a thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_many_files_go_out_and_come_back_at_once(api: ApiServer, s3: S3Server) -> None:
    """Small ones and ones of several parts, each as it was; all of it lies in the bucket."""

    def work(number: int) -> None:
        for size in (0, 1_000, 300_000, 20 * MB if number == 0 else 1):
            data = os.urandom(size)
            made = upload(api, data).json()
            assert content(api, made["id"]).content == data
            last = httpx.get(f"{api.url}{URL}/{made['id']}/content", headers={"Range": "bytes=-1"})
            assert last.content == data[-1:] or size == 0

    at_once(12, work)
    listed = s3.client.list_objects_v2(Bucket=BUCKET, Prefix="some/folder/uploads/")
    assert listed["KeyCount"] == 48
    assert in_the_making(api) == []


def test_a_store_that_is_away_is_a_503_and_all_else_is_served(api: ApiServer, s3: S3Server) -> None:
    """With our words, and a time to come back; then it is used again."""
    made = upload(api, b"x").json()
    s3.kill()
    for response in (upload(api, b"y"), content(api, made["id"])):
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "file_store_unavailable"
        assert response.json()["error"]["message"] == "The store of files does not answer."
        assert "retry-after" in response.headers
    assert in_the_making(api) == []
    assert httpx.get(f"{api.url}{URL}/{made['id']}").json() == made
    s3.start()
    assert upload(api, b"z").status_code == 200


def test_a_store_that_says_nothing_holds_up_only_those_who_wait_for_it(
    api: ApiServer, s3: S3Server
) -> None:
    """Others are answered at once; who waits has its answer when the store goes on."""
    made = upload(api, b"x" * MB).json()
    waiting: list[httpx.Response] = []
    s3.freeze()
    threads = [
        threading.Thread(target=lambda: waiting.append(upload(api, b"y"))),
        threading.Thread(target=lambda: waiting.append(content(api, made["id"]))),
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        began = time.monotonic()
        assert httpx.get(f"{api.url}/health").status_code == 200
        assert time.monotonic() - began < 1
        time.sleep(0.05)
    assert waiting == []
    s3.thaw()
    for thread in threads:
        thread.join()
    assert [response.status_code for response in waiting] == [200, 200]


def test_a_bucket_that_is_not_there_is_a_503(api: ApiServer, s3: S3Server) -> None:
    """Not a file that is unknown: whoever runs the place must make it."""
    client = s3.client
    client.delete_bucket(Bucket=BUCKET)
    refused = upload(api, b"x")
    assert refused.status_code == 503
    assert "files_url" in refused.json()["error"]["message"]
    assert "bucket" not in refused.json()["error"]["message"]


def test_an_api_with_its_loop_ends_when_it_is_told_to(api: ApiServer) -> None:
    """By itself: four seconds later it is killed."""
    assert upload(api, b"x").status_code == 200
    began = time.monotonic()
    api.stop()
    assert time.monotonic() - began < 3
    api.start()
