"""A worker's end of Celery's remote control, without the worker around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu.pidbox import Mailbox

from worker.process import ModelProcess, current


@contextmanager
def node(celery: Celery, name: str, **commands: Callable[..., object]) -> Iterator[None]:
    """A node that knows ``commands``, as the consumer of Celery's worker has one."""
    closed = threading.Event()
    with celery.connection_for_read() as connection:
        mailbox: Any = Mailbox("celery", type="fanout", accept=["json"], serializer="json")
        bound = mailbox(connection)
        worker = bound.Node(name, state=None, channel=connection.channel(), handlers=commands)
        consumer = worker.listen(callback=worker.handle_message)

        def listen() -> None:
            while not closed.is_set():
                try:
                    connection.drain_events(timeout=0.05)
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield
        finally:
            closed.set()
            thread.join()
            consumer.cancel()


@contextmanager
def answering(celery: Celery, process: ModelProcess) -> Iterator[None]:
    """The real commands of ``process``; several share this Python, so each call says whose."""
    from worker import remote

    def of(command: Callable[..., object]) -> Callable[..., object]:
        def answer(state: object, **named: object) -> object:
            current.set(process)
            return command(state, **named)

        return answer

    commands = {"check_prompt": of(remote.check_prompt), "tokenize": of(remote.tokenize)}
    with node(celery, process.leases.node, **commands):
        yield
