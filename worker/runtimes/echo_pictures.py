"""What the echo runtime makes of pictures: a fixed number of positions, and a name to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.jobs import Message
from worker.runtimes import images
from worker.runtimes.base import Feed
from worker.runtimes.echo_tokens import encode
from worker.runtimes.errors import InvalidPrompt
from worker.runtimes.positions import digest_of, key_of, picture_of, place_of, positions

COUNT = 16
"""Positions that a picture takes, whatever its size."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ``Picture`` of which nothing but its digest is needed."""

    digest: int


def shown(messages: Sequence[Message]) -> tuple[Named, ...]:
    """The pictures in ``messages``, each once; they are decoded to see whether they can be."""
    files = {digest_of(i.data): i.data for message in messages for i in message.images}
    for data in files.values():
        images.pixels(data)
    return tuple(map(Named, files))


def content(message: Message, *, sees: bool) -> list[int]:
    """Ids of a message's text, with its pictures in their places."""
    if message.images and not sees:
        raise InvalidPrompt("This model cannot see: leave the images out.")
    ids: list[int] = []
    done = 0
    for image in message.images:
        images.size(image.data)
        ids += encode(message.content[done : image.at])
        ids += positions(digest_of(image.data), 0, COUNT)
        done = image.at
    return ids + encode(message.content[done:])


def check(feed: Feed, known: frozenset[int]) -> None:
    """Raise ``ValueError`` for a feed of pictures not ``known``, or of more than one piece."""
    if len({token < 0 and key_of(token) for token in feed.tokens}) > 1:
        raise ValueError("positions of a picture are fed in order, and each piece by itself")
    if picture_of(feed.tokens[0]) not in known:
        raise ValueError(f"slot {feed.slot} was not opened with that picture")


def told(tokens: Sequence[int]) -> list[int]:
    """What is said of ``tokens``: themselves, and of each picture among them its name."""
    said: list[int] = []
    for token in tokens:
        if token >= 0:
            said.append(token)
        elif place_of(token) == 0:
            said += encode(name(picture_of(token)))
    return said


def name(digest: int) -> str:
    """What a picture is called."""
    return f"[picture {digest >> 96:08x}]"
