"""A server of pictures under TLS, which answers every GET as a test wants, and counts them."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler], None]


class PictureServer:
    """On a free port of this host."""

    def __init__(self, certificate: Path, answer: Answer) -> None:
        self.asked: list[dict[str, str]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append({name.lower(): value for name, value in self.headers.items()})
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that leave in the middle are what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}/a.png?b=c"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop it, and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def file(data: bytes, status: int = 200, **headers: str) -> Answer:
    """The file, as a web server sends it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def lying(handler: BaseHTTPRequestHandler) -> None:
    """A file that is said to be larger than anyone reads."""
    handler.send_response(200)
    handler.send_header("Content-Length", "99999999999")
    handler.end_headers()


def flood(handler: BaseHTTPRequestHandler) -> None:
    """A file without a length, which ends when its reader leaves."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"\xff\xd8\xff" + bytes(65_533))


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A file that comes a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Less than was said."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)


def garbage(handler: BaseHTTPRequestHandler) -> None:
    """No HTTP."""
    handler.wfile.write(b"\0\1\2 hello\r\n\r\n")
