"""From jobs and logs to what the engine is asked."""

from __future__ import annotations

import time

import pytest

from tasks.errors import ContextLengthExceeded, InvalidJob
from tasks.events import Event, Finished, Started, Token
from tasks.jobs import ChatJob, CompletionJob, Form, Message, Sampling
from tests.worker.runtimes.drawings import message, noise
from worker.asking import Asker, resume_from
from worker.engine import Resume
from worker.runtimes.echo import EchoChat

ECHO = EchoChat(slots=2, context=64)
SEEING = EchoChat(slots=2, context=64, sees=True)


@pytest.fixture
def asker() -> Asker:
    """The way to an echo model."""
    return Asker(ECHO)


def _chat(text: str = "x", **fields: object) -> ChatJob:
    return ChatJob(id="1", model="m", messages=(Message("user", text),), **fields)  # type: ignore[arg-type]


def _completion(**fields: object) -> CompletionJob:
    return CompletionJob(id="1", model="m", **fields)  # type: ignore[arg-type]


def test_a_log_resumes_each_choice_where_it_was() -> None:
    """Tokens are gathered per choice, in order, with the end of those that ended."""
    past: list[Event] = [
        Started(3),
        Token(0, (1,), "a"),
        Token(1, (9,), "x"),
        Token(0, (2, 3), "bc"),
        Finished(1, "stop", 1),
    ]
    assert resume_from(past) == {
        0: Resume((1, 2, 3)),
        1: Resume((9,), Finished(1, "stop", 1)),
    }


def test_an_empty_log_resumes_nothing() -> None:
    """A first attempt begins at the beginning."""
    assert resume_from([Started(3)]) == {}


def test_a_jobs_seed_is_used_and_none_is_drawn(asker: Asker) -> None:
    """Without a seed two requests differ."""
    assert asker.request(_chat(sampling=Sampling(seed=7)), []).seed == 7
    assert len({asker.request(_chat(), []).seed for _ in range(8)}) > 1


def test_a_deadline_is_on_the_engines_clock(asker: Asker) -> None:
    """Ten seconds from now are ten seconds from now there."""
    request = asker.request(_chat(deadline_at=time.time() + 10), [])
    assert request.deadline_s is not None
    assert 9 < request.deadline_s - time.monotonic() <= 10


def test_every_text_of_a_completion_is_a_prompt(asker: Asker) -> None:
    """No template touches it, and without ``echo`` nothing is said before the answer."""
    request = asker.request(_completion(texts=("one", "two")), [])
    assert request.prompts == (tuple(ECHO.tokenize("one")), tuple(ECHO.tokenize("two")))
    assert request.choices == 2
    assert request.echo is None


def test_the_echo_of_token_ids_is_their_text(asker: Asker) -> None:
    """A prompt of ids is echoed as what they say."""
    ids = tuple(ECHO.tokenize("mill"))
    assert asker.request(_completion(tokens=(ids,), echo=True), []).echo == ("mill",)


@pytest.mark.parametrize(
    ("job", "param"),
    [
        (_completion(tokens=((1,), (1 << 30,))), "prompt[1]"),
        (_completion(tokens=((1, -1),)), "prompt[0]"),
        (_completion(texts=("",)), "prompt"),
        (_completion(texts=("long " * 60,)), "prompt"),
        (_completion(texts=("x",), max_tokens=64), "max_tokens"),
        (_chat("long " * 60), "messages"),
        (_chat(sampling=Sampling(logit_bias={1 << 30: 1})), "logit_bias"),
        (_chat(form=Form("json")), "response_format"),
    ],
)
def test_what_the_model_cannot_do_names_its_field(
    asker: Asker, job: ChatJob | CompletionJob, param: str
) -> None:
    """Too long, unknown to the vocabulary, or a form that this model's tokens do not allow."""
    with pytest.raises((InvalidJob, ContextLengthExceeded)) as caught:
        asker.check(job)
    assert caught.value.param == param


def _shown(text: str, *files: bytes) -> ChatJob:
    return ChatJob(id="1", model="m", messages=(message(text, *files),))


def test_a_request_brings_its_pictures() -> None:
    """Each once, with its positions in the prompt; a text's request has none."""
    request = Asker(SEEING).request(_shown("@ and @", noise(1), noise(1)), [])
    positions = [token for token in request.prompts[0] if token < 0]
    assert len(positions) == 2 * len(set(positions))
    assert len(request.pictures) == 1
    assert Asker(SEEING).request(_chat(), []).pictures == ()


def test_images_for_a_model_that_cannot_see_are_refused(asker: Asker) -> None:
    """Whether the job is checked, asked, or its tokens counted."""
    job = _shown("@", noise(1))
    for ask in (asker.check, asker.conversation, lambda job: asker.request(job, [])):
        with pytest.raises(InvalidJob, match="cannot see") as caught:
            ask(job)
        assert caught.value.param == "messages"


def test_images_that_do_not_fit_are_counted() -> None:
    """The refusal says how much of the prompt they take."""
    job = _shown("@@@@", *map(noise, range(4)))
    with pytest.raises(ContextLengthExceeded, match="64 of them for the images") as caught:
        Asker(SEEING).check(job)
    assert caught.value.param == "messages"


def test_positions_of_images_are_counted_and_not_told() -> None:
    """A count of tokens has them, as -1."""
    tokens = Asker(SEEING).conversation(_shown("a@", noise(1)))
    assert tokens.count(-1) == 16
    assert min(tokens) == -1
