"""One answer on a connection: a request or a resumed job, to its last message."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import redis
from flask import current_app, g, request
from werkzeug.datastructures import Headers

from app.answering import order_for
from app.following import ClientLeft, events_of
from app.images.configured import images_of
from app.job_reading import check_log
from app.limits.headers import told
from app.metrics.requests import began_s, metrics
from app.metrics.watch import Watch
from app.openai.chat import parse_chat
from app.openai.errors import ServerRestarting, Unsupported, body_of
from app.openai.responses.ids import response_id
from app.openai.restart import resumable_ending
from app.owners import owner_of
from app.rendering import Chunks, chunks_of
from app.repeats import REPEATED, Submission
from app.services import services
from app.socket.connection import Closed, Connection
from app.socket.messages import Create, Frames, Resume
from app.socket.reading import Reader
from app.streaming import FIRST_POSITION_S, Position
from app.tracing import answering_message
from tasks.api_keys import ApiKey
from tasks.errors import JobCancelled, TaskError, UnknownJob
from tasks.events import Done, Event, Failed
from tasks.jobs import ChatJob, Job, new_id
from tasks.records import Record
from tasks.subscription import Subscription

CANCELLED = body_of(JobCancelled("The answer was cancelled."))


class Answer:
    """Runs in a thread and a request context of its own; ``cancel`` is called from outside."""

    def __init__(
        self, message: Create | Resume, connection: Connection, who: Callable[[], ApiKey | None]
    ) -> None:
        self._message = message
        self._connection = connection
        self._who = who
        self._reader = Reader(connection)
        self._frames = Frames(message.id)
        # Set as its last message leaves: who has heard that may ask again, under the same id, too.
        self.ended = False
        # What lives on when it is left, and is therefore ended in so many words.
        self._to_end: Record | None = None

    def cancel(self) -> None:
        """Stop: the next message is the last."""
        self._reader.cancelled = True

    def run(self) -> None:
        """Answer, and say how it ended; whoever is not there any more is not told."""
        try:
            self._say_how_it_ended()
        except Closed:
            return

    def _say_how_it_ended(self) -> None:
        try:
            with answering_message("resume" if isinstance(self._message, Resume) else "create"):
                self._answer()
        except Closed:
            raise
        except ClientLeft:
            if self._reader.cancelled:
                self._end_job()
                self._send_last(self._frames.error(CANCELLED, 409))
        except Exception as error:  # noqa: BLE001 - the one table of errors answers it as by HTTP.
            self._send_last(self._refusal(error))

    def _answer(self) -> None:
        g.job_id = new_id()
        g.began_s = time.monotonic()
        g.api_key = self._who()
        if isinstance(self._message, Create):
            self._create(self._message)
        else:
            self._resume(self._message)

    def _create(self, message: Create) -> None:
        shared = services()
        order = order_for(
            partial(parse_chat, images=images_of(shared.settings)),
            message.body,
            Headers(message.headers),
            path=request.path,
            job_id=g.job_id,
            key=g.api_key,
        )
        submission = shared.submit(order)
        if submission.subscription is None:
            self._tell_kept(submission)
            return
        with submission.subscription as subscription:
            self._name_job(subscription.job_id, submission)
            records = shared.gateway.records
            find = partial(records.find, subscription.job_id, submission.job.owner)
            if order.terms.resume_s or not order.terms.listen_s:
                self._to_end = find()
            chunks = submission.sought.listening_chunks(chunks_of(submission.job))
            watch = metrics().watch(submission.job.model, began_s())
            self._follow(subscription, chunks, lambda: records.position(find()), watch)

    def _resume(self, message: Resume) -> None:
        gateway = services().gateway
        record = gateway.records.find(message.job, owner_of(g.api_key))
        check_log(gateway, record)
        job = gateway.records.job(record.id)
        check_chunks(job)
        self._to_end = record
        chunks = chunks_of(job)
        with gateway.follow(record) as subscription:
            self._connection.send(self._frames.job(record.id, {}))
            # All events are read again: later chunks may depend on those that the client has.
            watch = metrics().rewatch(record.model, resumed=message.after > 0)
            self._follow(
                subscription,
                chunks,
                lambda: gateway.records.position(record),
                watch,
                skip=message.after,
            )

    def _tell_kept(self, submission: Submission) -> None:
        """An answer that is there already: no job has it, and no chunk a number."""
        kept = submission.sought.kept
        assert kept is not None, "what is streamed is followed"
        self._name_job(None, submission)
        chunks = chunks_of(submission.job)
        for event in kept.events:
            if (chunk := chunks.chunk(event)) is not None:
                self._connection.send(self._frames.chunk(None, chunk))
        self._send_last(self._frames.done())

    def _name_job(self, job_id: str | None, submission: Submission) -> None:
        headers = submission.sought.headers() | _limits()
        if submission.repeated:
            headers[REPEATED] = "true"
        self._connection.send(self._frames.job(job_id, headers))

    def _follow(
        self,
        subscription: Subscription,
        chunks: Chunks,
        position: Position,
        watch: Watch,
        skip: int = 0,
    ) -> None:
        place_at = time.monotonic() + FIRST_POSITION_S
        try:
            for event in events_of(subscription, self._reader, watch):
                if event is not None:
                    self._tell(chunks, *event, skip)
                elif subscription.seq == 0 and time.monotonic() >= place_at:
                    place_at = time.monotonic() + services().settings.ping_s
                    self._tell_position(position)
        except ServerRestarting:
            subscription.hand_over()
            ending = resumable_ending(subscription.job_id, max(subscription.seq, skip))
            self._send_last(self._frames.error(ending, 503))

    def _tell(self, chunks: Chunks, seq: int, event: Event, skip: int) -> None:
        chunk = chunks.chunk(event)
        if isinstance(event, Failed):
            assert chunk is not None, "every kind of job says how it failed"
            self._send_last(self._frames.error(chunk))
            return
        if chunk is not None and seq > skip:
            self._connection.send(self._frames.chunk(seq, chunk))
        if isinstance(event, Done):
            self._send_last(self._frames.done())

    def _send_last(self, message: bytes) -> None:
        self.ended = True
        self._connection.send(message)

    def _tell_position(self, position: Position) -> None:
        try:
            place = position()
        except (redis.RedisError, UnknownJob):
            return
        if place is not None:
            self._connection.send(self._frames.position(place))

    def _end_job(self) -> None:
        if self._to_end is not None:
            try:
                services().gateway.cancel(self._to_end)
            except (redis.RedisError, TaskError):
                # Unheard, it ends when the time is over that it was to wait for its client.
                return

    def _refusal(self, error: Exception) -> bytes:
        response = current_app.make_response(current_app.handle_user_exception(error))
        after_ms = response.headers.get("retry-after-ms")
        return self._frames.error(
            response.get_data(), response.status_code, None if after_ms is None else int(after_ms)
        )


def check_chunks(job: Job) -> None:
    """Raise ``Unsupported`` for a response: its stream has events of its own, and no chunks."""
    if isinstance(job, ChatJob) and job.response is not None:
        raise Unsupported(
            f"The job {job.id!r} answers a response, which has no chunks: follow it with"
            f" GET /v1/responses/{response_id(job.id)}?stream=true.",
            param="job",
        )


def _limits() -> dict[str, str]:
    try:
        standing = services().limits.standing(g.api_key)
    except redis.RedisError:
        return {}
    return {} if standing is None else dict(told(standing))
