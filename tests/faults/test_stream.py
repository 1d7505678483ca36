"""The suite's client against a server that cuts, refuses and resumes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from faults.balancer import Course
from faults.client import Answer, Client, pause_s, retried
from faults.wire import gapless

EVENT = 'id: %d\ndata: {"choices": [{"index": 0, "delta": {"content": "%d "}}]}\n\n'
END = "data: [DONE]\n\n"
RESTARTING = 'data: {"error": {"code": "server_restarting"}}\n\n'
Say = Callable[[BaseHTTPRequestHandler], None]


def events(first: int, last: int) -> str:
    """Events with these numbers, each saying its own."""
    return "".join(EVENT % (seq, seq) for seq in range(first, last + 1))


def says(handler: BaseHTTPRequestHandler, text: str, status: int = 200, length: int = 0) -> None:
    """Answer with an id; a ``length`` beyond the text is a cut connection."""
    handler.send_response(status)
    handler.send_header("x-request-id", "0123456789abcdef")
    handler.send_header("content-length", str(length or len(text)))
    handler.end_headers()
    handler.wfile.write(text.encode())


class Servers:
    """Two servers that are told what to say to the first request and to a resumed one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.post: list[Say] = []
        self.get: list[Say] = []
        servers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                servers.asked.append(("POST", self.path, None))
                servers.post.pop(0)(self)

            def do_GET(self) -> None:
                servers.asked.append(("GET", self.path, self.headers["last-event-id"]))
                servers.get.pop(0)(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.urls = [f"http://127.0.0.1:{server.server_port}" for server in self.servers]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop both."""
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Both, until the test is over."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture
def client(servers: Servers, tmp_path: Path) -> Iterator[Client]:
    """A client of both."""
    with Client(servers.urls, tmp_path / "ids") as client:
        yield client


def test_an_id_is_in_the_book_when_its_stream_breaks(servers: Servers, client: Client) -> None:
    """What it was answered counts, not what came after."""
    servers.post = [lambda to: says(to, events(1, 3), length=10_000)]
    stream = client.stream({})
    assert stream.wait_over()
    assert stream.broken
    assert not stream.whole
    assert client.book.ids() == ["0123456789abcdef"]


def test_a_refused_request_is_not_accepted(servers: Servers, client: Client) -> None:
    """Whatever id a 503 bears."""
    servers.post = [lambda to: says(to, "{}", status=503)] * 2
    stream = client.stream({})
    assert stream.wait_over()
    assert client.post({}).status == 503
    assert client.book.ids() == []


def test_a_resumed_stream_asks_for_what_it_lacks(servers: Servers, client: Client) -> None:
    """From the last event that came whole, by header."""
    half = "id: 4\ndata: {"
    servers.post = [lambda to: says(to, events(1, 3) + half, length=10_000)]
    servers.get = [lambda to: says(to, events(4, 5) + END)]
    stream = client.stream({})
    assert stream.wait_over()
    client.resume(stream, 1)
    assert stream.wait_over()
    assert servers.asked[-1] == ("GET", "/v1/jobs/0123456789abcdef/events", "3")
    assert stream.whole
    assert gapless(stream.events)
    assert stream.text == "1 2 3 4 5 "


def test_a_course_goes_on_where_a_restarting_api_ended_it(servers: Servers, client: Client) -> None:
    """That ending is no cut; a 503 on the way is told."""
    servers.post = [
        lambda to: says(to, "{}", status=503),
        lambda to: says(to, events(1, 2) + RESTARTING),
    ]
    servers.get = [lambda to: says(to, events(3, 4) + END)]
    course = Course(client, {}, api=0)
    course.run(10)
    assert course.whole
    assert course.stream is not None
    assert course.stream.text == "1 2 3 4 "
    assert (course.refusals, course.cuts, course.resumed) == ([503], [], 1)


def test_a_course_tells_of_a_cut_that_was_not_announced(servers: Servers, client: Client) -> None:
    """It is taken up again all the same."""
    servers.post = [lambda to: says(to, events(1, 2), length=10_000)]
    servers.get = [lambda to: says(to, events(3, 4) + END)]
    course = Course(client, {}, api=0)
    course.run(10)
    assert course.whole
    assert len(course.cuts) == 1


def test_a_course_goes_to_the_other_api_when_one_is_gone(servers: Servers, client: Client) -> None:
    """A refused connection is the balancer's to try elsewhere."""
    servers.servers[0].shutdown()
    servers.servers[0].server_close()
    servers.post = [lambda to: says(to, events(1, 2) + END)]
    course = Course(client, {}, api=0)
    course.run(10)
    assert course.whole
    assert (course.refusals, course.cuts) == ([], [])


@pytest.mark.parametrize(
    ("status", "headers", "again"),
    [
        (0, {}, True),
        (429, {}, True),
        (503, {}, True),
        (409, {"x-should-retry": "false"}, False),
        (200, {}, False),
        (400, {}, False),
    ],
)
def test_it_tries_again_where_the_official_client_does(
    status: int, headers: dict[str, str], again: bool
) -> None:
    """And not where the server says no."""
    assert retried(Answer(status, headers, b"", 0.0)) is again


def test_it_waits_as_long_as_it_is_told() -> None:
    """In milliseconds, else in seconds, else ever longer."""
    told = Answer(429, {"retry-after": "3", "retry-after-ms": "250"}, b"", 0.0)
    assert pause_s(told, 0) == 0.25
    assert pause_s(Answer(429, {"retry-after": "3"}, b"", 0.0), 0) == 3.0
    assert [pause_s(Answer(0, {}, b"", 0.0), retry) for retry in range(3)] == [0.5, 1.0, 2.0]
