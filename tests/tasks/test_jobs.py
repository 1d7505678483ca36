"""Jobs and events as they are stored."""

from __future__ import annotations

import msgspec
import pytest

from tasks import events, jobs
from tasks.errors import TaskError, UnsupportedVersion, from_code
from tasks.events import Done, Failed, Finished, Started, Token, TokenLogprob, Usage, Vectors
from tasks.jobs import ChatJob, EmbedJob, Message, Priority, Sampling


def test_a_job_survives_its_codec() -> None:
    """Every field comes back as it was."""
    chat = ChatJob(
        id="1",
        model="m",
        messages=(Message("user", "hi", "me"),),
        priority=Priority.BATCH,
        sampling=Sampling(temperature=0, seed=-5, logit_bias={7: 1.5}),
        stop=("a", "b"),
        metadata={"k": "v"},
    )
    embed = EmbedJob(id="2", model="e", tokens=((1, 2), (3,)), dimensions=8)
    assert [jobs.decode(jobs.encode(job)) for job in (chat, embed)] == [chat, embed]


def test_a_newer_jobs_unknown_fields_are_ignored() -> None:
    """While releases mix, an older worker reads what a newer API added."""
    row = msgspec.msgpack.decode(jobs.encode(EmbedJob(id="1", model="m", texts=("a",))))
    body = msgspec.msgpack.encode(row | {"added_later": 1})
    assert jobs.decode(body) == EmbedJob(id="1", model="m", texts=("a",))


@pytest.mark.parametrize(
    ("body", "version"), [(b"\x80", jobs.VERSION), (b"junk", jobs.VERSION), (b"", 99)]
)
def test_an_unreadable_job_is_a_typed_error(body: bytes, version: int) -> None:
    """Garbage and formats of the future end in ``UnsupportedVersion``."""
    with pytest.raises(UnsupportedVersion):
        jobs.decode(body, version)


def test_ids_sort_by_age_and_differ() -> None:
    """The first half of an id is its time."""
    made = [jobs.new_id() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert [name[:12] for name in made] == sorted(name[:12] for name in made)


def test_every_event_survives_its_codec() -> None:
    """The union is closed: what was logged is what is read."""
    all_events = [
        Started(3, 1),
        Token(1, (5, 6), "ab", (TokenLogprob(b"a", -0.5, ((b"b", -1.0),)),)),
        Finished(0, "stop", 2),
        Vectors(0, 2, b"\0" * 16),
        Done(Usage(1, 2, 3)),
        Failed("x", "y", "z"),
    ]
    assert [events.decode(events.encode(event)) for event in all_events] == all_events


def test_an_error_crosses_with_its_class() -> None:
    """Each code of the tree rebuilds its own class, and an unknown one keeps its code."""

    def tree(cls: type[TaskError]) -> list[type[TaskError]]:
        return [cls, *(found for child in cls.__subclasses__() for found in tree(child))]

    for cls in tree(TaskError):
        if cls.__module__ == "tasks.errors":
            error = Failed.of(cls("m", param="p")).error()
            assert (type(error), error.message, error.param) == (cls, "m", "p")
    assert from_code("from_the_future", "m").code == "from_the_future"
