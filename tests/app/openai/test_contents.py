"""Contents: one text, and the images at their places in it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.openai.contents import Part, Speaker, content_of
from app.openai.errors import BadRequest
from app.openai.messages import Turn, messages_of
from tasks.jobs import Image, Message
from tasks.model import Model
from tests.app.images.files import data_url, good

MODEL = Model(name="eyes", kind="multimodal", source="echo:")
USER = Speaker("user", "messages[0]", MODEL)
PNG = good("PNG", (4, 4))


def part(piece: str | int) -> Part:
    """A text, or an image with that number for its URL."""
    if isinstance(piece, str):
        return Part("text", piece)
    return Part("image_url", image_url={"url": str(piece)})


@pytest.mark.parametrize(
    ("pieces", "text", "places"),
    [
        (["a"], "a", []),
        (["a", "b", ""], "a\nb\n", []),
        ([1, "a"], "a", [0]),
        (["a", 1], "a", [1]),
        (["a", 1, "b"], "ab", [1]),
        (["a", "b", 1, 2, "c", "d"], "a\nbc\nd", [3, 3]),
        ([1], "", [0]),
        (["\U0001f30a", 1], "\U0001f30a", [1]),
    ],
)
def test_an_image_stands_between_the_texts_around_it(
    pieces: list[str | int], text: str, places: list[int]
) -> None:
    """Characters are counted; a line's end stands only between two texts side by side."""
    content = content_of([part(piece) for piece in pieces], None, USER)
    assert (content.text, [shown.at for shown in content.images]) == (text, places)


@given(st.lists(st.text(max_size=5) | st.integers(0, 9), min_size=1, max_size=12))
def test_every_part_is_found_again_in_order(pieces: list[str | int]) -> None:
    """Cut at the images' places, the text is the texts between them."""
    content = content_of([part(piece) for piece in pieces], None, USER)
    assert [int(shown.url) for shown in content.images] == [p for p in pieces if p in range(10)]
    cuts = [0, *(shown.at for shown in content.images), len(content.text)]
    between = [content.text[start:end] for start, end in pairwise(cuts)]
    groups: list[list[str]] = [[]]
    for piece in pieces:
        if isinstance(piece, str):
            groups[-1].append(piece)
        else:
            groups.append([])
    assert between == ["\n".join(group) for group in groups]


def turn(**fields: Any) -> Turn:
    """A user's message."""
    return Turn("user", **fields)


def test_a_message_holds_the_file_as_it_came() -> None:
    """Byte for byte: it is told from others by its hash."""
    asked = [turn(content="look", image_urls=[data_url(PNG)]), turn(content="and?")]
    told = messages_of(asked, MODEL)
    assert told == (Message("user", "look", images=(Image(4, PNG),)), Message("user", "and?"))


def test_an_image_that_is_shown_again_is_one_object() -> None:
    """Clients send a conversation's images with every turn."""
    asked = [turn(image_urls=[data_url(PNG)]), turn(image_urls=[data_url(PNG)] * 2)]
    images = [image for message in messages_of(asked, MODEL) for image in message.images]
    assert [image.data for image in images] == [PNG] * 3
    assert images[0].data is images[1].data is images[2].data


ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(value=ANY | st.fixed_dictionaries({"url": ANY}), role=st.sampled_from(["user", "tool"]))
def test_any_value_is_read_or_refused_at_its_place(value: Any, role: str) -> None:
    """In a part and in the shorthand."""
    speaker = Speaker(role, "messages[0]", MODEL)
    for parts, urls in (([Part("image_url", image_url=value)], None), ("", value)):
        try:
            content = content_of(parts, urls, speaker)
        except BadRequest as refused:
            place = refused.param or ""
        else:
            place = "".join(shown.param for shown in content.images) or "messages[0].image_urls"
        assert place.startswith(("messages[0].content[0]", "messages[0].image_urls"))
