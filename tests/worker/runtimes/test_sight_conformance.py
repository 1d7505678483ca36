"""What every chat runtime that sees promises of pictures, held against each of them.

Of llama.cpp's projectors one of each sort is tried: positions that are those of a text, pictures
in several pieces, pictures that attend both ways, and positions in two dimensions. Their weights
are random: they see differences, and understand nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.worker.runtimes.conversation import GREEDY, generate, prompt
from tests.worker.runtimes.drawings import message, noise
from tests.worker.runtimes.vision_files import mrope_model, projector
from worker.engine.runs import first_run
from worker.runtimes.base import ChatRuntime, Feed, Picture, Sampled
from worker.runtimes.echo import EchoChat
from worker.runtimes.errors import InvalidPrompt

ONE, OTHER = noise(1), noise(2)
SORTS = ["echo", "mlp", "tiles", "gemma3", "qwen2vl_merger"]
MROPE = "qwen2vl_merger"


@pytest.fixture(scope="module", params=SORTS)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatRuntime]:
    """Each runtime that sees in turn."""
    if request.param == "echo":
        yield EchoChat(slots=4, context=512, sees=True)
        return
    pytest.importorskip("llama_cpp")
    from worker.runtimes.llama import LlamaRuntime

    model: Path = request.getfixturevalue("smollm2_path")
    folder, width = tmp_path_factory.mktemp(request.param), 576
    if request.param == MROPE:
        model, width = mrope_model(folder / "model.gguf", model, vocabulary=49152), 64
    mmproj = projector(folder / "mmproj.gguf", request.param, embedding=width)
    runtime = LlamaRuntime(model, slots=4, context=512, mmproj=mmproj)
    yield runtime
    runtime.shutdown()


@pytest.fixture
def seeing(loaded: ChatRuntime) -> Iterator[ChatRuntime]:
    """The runtime with all of its slots closed and empty."""
    yield loaded
    for slot in range(loaded.slots):
        loaded.close(slot)
        loaded.keep(slot, 0)


def look(
    runtime: ChatRuntime,
    slot: int,
    tokens: Sequence[int],
    pictures: Sequence[Picture],
    *,
    most: int = 512,
    count: int = 4,
) -> list[Sampled]:
    """Open ``slot``, feed ``tokens`` to the memory that it has, and give what follows.

    Not much of it: rounding depends on what is computed together.
    """
    runtime.open(slot, GREEDY, seed=1, pictures=pictures, ban_end=True, top_logprobs=0)
    left = list(tokens)
    drawn: list[Sampled] = []
    while left:
        run = first_run(left, most)
        if not runtime.whole_pictures:
            run = min(run, most)
        drawn = runtime.decode([Feed(slot, left[:run], sample=run == len(left))])
        left = left[run:]
    for _ in range(count - 1):
        drawn += runtime.decode([Feed(slot, [drawn[-1].token], sample=True)])
    runtime.close(slot)
    return drawn


def said(drawn: Sequence[Sampled]) -> list[int]:
    """The tokens of an answer."""
    return [each.token for each in drawn]


def asked(runtime: ChatRuntime, *files: bytes) -> tuple[list[int], tuple[Picture, ...]]:
    """A prompt with pictures in the middle, and the pictures."""
    turn = message("Look: " + "@ and " * len(files) + "say what you see.", *files)
    return runtime.prompt([turn]), runtime.pictures([turn])


def seen(tokens: Sequence[int]) -> list[int]:
    """The positions of pictures."""
    return [token for token in tokens if token < 0]


def test_a_picture_takes_positions_in_its_place(seeing: ChatRuntime) -> None:
    """The text before it is fed before it, and the text after it after it."""
    tokens, _ = asked(seeing, ONE)
    first = tokens.index(seen(tokens)[0])
    before = b"".join(map(seeing.piece, tokens[:first])).decode()
    after = b"".join(map(seeing.piece, tokens[first:])).decode()
    assert "Look: " in before
    assert "say what you see." in after
    assert "say" not in before


def test_equal_positions_are_of_equal_pictures(seeing: ChatRuntime) -> None:
    """A picture has the same ids in every prompt, each once, and another picture has others."""
    ours, others = seen(asked(seeing, ONE)[0]), seen(asked(seeing, OTHER)[0])
    assert ours == seen(seeing.prompt([message("@", ONE)]))
    assert len(set(ours)) == len(ours)
    assert not set(ours) & set(others)


def test_a_picture_is_ready_once(seeing: ChatRuntime) -> None:
    """However often it stands in the conversation."""
    assert len(asked(seeing, ONE, OTHER, ONE)[1]) == 2
    assert seeing.pictures([message("no image")]) == ()


def test_positions_have_no_text_and_end_nothing(seeing: ChatRuntime) -> None:
    """They are in no answer, and in none of its text."""
    token = seen(asked(seeing, ONE)[0])[0]
    assert seeing.piece(token) == b""
    assert not seeing.ends(token)


def test_what_is_seen_decides_what_follows(seeing: ChatRuntime) -> None:
    """Equal pictures lead to the same, and another one to something else."""
    first, again, other = (
        [(each.token, each.logprob) for each in look(seeing, slot, *asked(seeing, data), count=9)]
        for slot, data in enumerate((ONE, ONE, OTHER))
    )
    assert first == again
    assert first != other


def test_pieces_of_a_prompt_are_the_prompt(seeing: ChatRuntime) -> None:
    """Fed a few positions at a time, a picture is the same picture."""
    tokens, pictures = asked(seeing, ONE, OTHER)
    pieces = look(seeing, 0, tokens, pictures, most=5)
    assert said(pieces) == said(look(seeing, 1, tokens, pictures))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_a_memory_is_good_for_what_it_says_that_it_holds(seeing: ChatRuntime, share: float) -> None:
    """Cut within a picture or not, what is left goes on to the same answer; so does a copy."""
    tokens, pictures = asked(seeing, ONE, OTHER)
    whole = said(look(seeing, 0, tokens, pictures))
    wanted = int(share * len(tokens))
    copied = seeing.copy(0, 2, wanted)
    kept = seeing.keep(0, wanted)
    assert 0 < kept <= wanted
    assert copied == kept
    assert said(look(seeing, 0, tokens[kept:], pictures)) == whole
    assert said(look(seeing, 2, tokens[copied:], pictures)) == whole


def test_a_picture_beside_text_changes_neither(seeing: ChatRuntime) -> None:
    """In one call a slot is fed a picture, others text: each gets the answer that it gets alone."""
    tokens, pictures = asked(seeing, ONE)
    plain = prompt(seeing, "Name three primary colors.")
    alone = said(look(seeing, 0, tokens, pictures))
    text = generate(seeing, plain, count=4, slot=1)
    seeing.keep(0, 0)
    seeing.keep(1, 0)
    seeing.open(0, GREEDY, seed=1)
    seeing.open(1, GREEDY, seed=1, pictures=pictures, ban_end=True)
    answers: dict[int, list[int]] = {0: [], 1: []}
    left, following = list(tokens), list(plain)
    while len(answers[1]) < len(alone):
        run = first_run(left, 512)
        feeds = [Feed(1, left[:run], sample=run == len(left))]
        if len(answers[0]) < len(text):
            feeds.append(Feed(0, following, sample=True))
        for sampled in seeing.decode(feeds):
            answers[sampled.slot].append(sampled.token)
        left = left[run:] or answers[1][-1:]
        following = answers[0][-1:]
    assert answers[1] == alone
    assert answers[0] == text[: len(answers[0])]


def test_results_are_in_the_order_of_the_feeds(seeing: ChatRuntime) -> None:
    """Also where one follows a picture, and the other a text."""
    turn = message("@", ONE)
    positions, pictures = seen(seeing.prompt([turn])), seeing.pictures([turn])
    run = first_run(positions, 512)
    for slot in (0, 2):
        seeing.open(slot, GREEDY, seed=1, pictures=pictures)
    feeds = [
        Feed(2, positions[:run], sample=True),
        Feed(0, prompt(seeing, "Say hello."), sample=True),
    ]
    assert [each.slot for each in seeing.decode(feeds)] == [2, 0]


def test_text_after_pictures_is_text(seeing: ChatRuntime) -> None:
    """A slot that saw something answers a text as if it had not."""
    plain = prompt(seeing, "Name three primary colors.")
    before = generate(seeing, plain, count=4)
    look(seeing, 0, *asked(seeing, ONE))
    assert generate(seeing, plain, count=4) == before


def test_only_pictures_that_were_shown_can_be_fed(seeing: ChatRuntime) -> None:
    """Without its picture a position cannot be fed, nor together with text or another piece."""
    tokens, pictures = asked(seeing, ONE)
    positions = seen(tokens)
    seeing.open(0, GREEDY, seed=1)
    with pytest.raises(ValueError, match="not opened with that picture"):
        seeing.decode([Feed(0, positions[: first_run(positions, 512)], sample=False)])
    seeing.open(1, GREEDY, seed=1, pictures=pictures)
    with pytest.raises(ValueError, match="by itself"):
        seeing.decode([Feed(1, [positions[0], tokens[0]], sample=False)])


@pytest.mark.parametrize("data", [b"", b"no image", ONE[:60], ONE[:-400]])
def test_what_is_no_picture_is_refused(seeing: ChatRuntime, data: bytes) -> None:
    """A file that cannot be decoded is an ``InvalidPrompt`` when it is made ready."""
    with pytest.raises(InvalidPrompt, match="image"):
        seeing.pictures([message("@", data)])


def test_a_prompt_needs_a_header(seeing: ChatRuntime) -> None:
    """Without one a picture's positions cannot be counted; more than that is not read."""
    with pytest.raises(InvalidPrompt, match="image"):
        seeing.prompt([message("@", b"no image")])
    assert seen(seeing.prompt([message("@", ONE[:-400])]))


def test_who_cannot_see_says_so(chat: ChatRuntime) -> None:
    """A model without eyes refuses images."""
    assert not chat.sees
    with pytest.raises(InvalidPrompt, match="cannot see"):
        chat.prompt([message("@", ONE)])
