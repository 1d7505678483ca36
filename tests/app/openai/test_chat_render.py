from __future__ import annotations

import json
import math
import time
from typing import Any

import msgspec
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from app.openai.chat_render import ChatAnswer, ChatStream
from app.openai.chat_shapes import Chunk, Delta, StreamChoice
from tasks.errors import ContextLengthExceeded, ModelFailed
from tasks.events import (
    CallDelta,
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Timings,
    Token,
    TokenLogprob,
    Usage,
    Vectors,
)
from tasks.jobs import ChatJob, Message

WAVE = "🌊".encode()
LOGPROBS = (
    TokenLogprob(WAVE[:2], -0.5, ((WAVE[:2], -0.5), (b" a", -math.inf))),
    TokenLogprob(WAVE[2:], 1e-9),
)
LOG: list[Event] = [
    Started(9, 4),
    Token(1, (7,), "b"),
    Token(0, (5, 6), "🌊", LOGPROBS),
    Finished(0, "length", 2),
    Token(1, (8,), "!"),
    Finished(1, "stop", 2),
    Done(Usage(9, 4, 4)),
]


def job(**fields: Any) -> ChatJob:
    base: dict[str, Any] = {"id": "j1", "model": "talk", "created_at": 12.9, "n": 2}
    return ChatJob(messages=(Message("user", "hi"),), **(base | fields))


def chunks(stream: ChatStream, log: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(data) for event in log if (data := stream.chunk(event)) is not None]


def answer(asked: ChatJob, log: list[Event]) -> dict[str, Any]:
    whole = ChatAnswer(asked)
    for event in log:
        whole.add(event)
    body: dict[str, Any] = json.loads(whole.body())
    return body


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_every_chunk_is_one_that_the_official_client_reads(
    include_usage: bool, top_logprobs: int | None
) -> None:
    """Each chunk validates as the client's type and carries the response's one id."""
    for shown in chunks(ChatStream(job(top_logprobs=top_logprobs), include_usage), LOG):
        chunk = ChatCompletionChunk.model_validate(shown)
        assert (chunk.id, chunk.object) == ("chatcmpl-j1", "chat.completion.chunk")
        assert (chunk.created, chunk.model) == (12, "talk")


def test_the_first_chunk_gives_every_choice_its_role_and_no_text() -> None:
    """``Started`` becomes one chunk with a role, and no content, for each index."""
    (first,) = chunks(ChatStream(job(), False), LOG[:1])
    assert first["choices"] == [
        {"index": i, "delta": {"role": "assistant"}, "logprobs": None, "finish_reason": None}
        for i in range(2)
    ]


def test_a_token_is_a_delta_without_a_role() -> None:
    """A token's chunk holds its text, its choice's index, and null for what it has not."""
    (chunk,) = chunks(ChatStream(job(), False), [Token(1, (7,), "b")])
    assert chunk["choices"] == [
        {"index": 1, "delta": {"content": "b"}, "logprobs": None, "finish_reason": None}
    ]
    assert "usage" not in chunk


def test_a_finish_is_an_empty_delta_with_its_reason() -> None:
    """The finish chunk's delta holds nothing at all."""
    (chunk,) = chunks(ChatStream(job(), False), [Finished(0, "length", 2)])
    assert chunk["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    ]


def test_usage_comes_in_a_last_chunk_of_its_own_when_asked_for() -> None:
    """With ``include_usage`` the last chunk has no choices, and all others a null usage."""
    *others, last = chunks(ChatStream(job(), True), LOG)
    assert len(others) == len(LOG) - 1
    assert all(chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


def test_without_usage_done_has_no_chunk() -> None:
    """``Done`` shows only as the end of the stream, which is not this module's to write."""
    assert ChatStream(job(), False).chunk(LOG[-1]) is None


def test_a_chunk_depends_on_nothing_but_its_event() -> None:
    """A resumed stream renders its rest exactly as the first one would have."""
    whole = chunks(ChatStream(job(), True), LOG)
    assert chunks(ChatStream(job(), True), LOG[3:]) == whole[3:]


def test_logprobs_show_half_characters_as_bytes() -> None:
    """A token that is no whole character has replacement text and its true bytes."""
    (chunk,) = chunks(ChatStream(job(top_logprobs=2), False), [LOG[2]])
    first, second = chunk["choices"][0]["logprobs"]["content"]
    assert bytes(first["bytes"] + second["bytes"]).decode() == "🌊"
    assert first["token"] == "\N{REPLACEMENT CHARACTER}"
    assert chunk["choices"][0]["logprobs"]["refusal"] is None


def test_logprobs_are_finite_and_never_above_zero() -> None:
    """Minus infinity is OpenAI's -9999, and a rounding error above 0 is 0."""
    (chunk,) = chunks(ChatStream(job(top_logprobs=2), False), [LOG[2]])
    first, second = chunk["choices"][0]["logprobs"]["content"]
    assert [other["logprob"] for other in first["top_logprobs"]] == [-0.5, -9999.0]
    assert second["logprob"] == 0.0


def test_logprobs_that_were_not_asked_for_are_not_shown() -> None:
    """A log may hold more than this request wanted."""
    (chunk,) = chunks(ChatStream(job(), False), [LOG[2]])
    assert chunk["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ContextLengthExceeded("Too long.", param="messages"), "invalid_request_error"),
        (ModelFailed("It broke."), "server_error"),
    ],
)
def test_a_failure_is_an_error_event(error: ContextLengthExceeded | ModelFailed, kind: str) -> None:
    """A job that fails midway ends its stream with OpenAI's error object."""
    (shown,) = chunks(ChatStream(job(), False), [Failed.of(error)])
    assert shown == {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.param,
            "code": error.code,
        }
    }


def test_vectors_in_a_chat_are_a_programmers_error() -> None:
    """No chat job logs vectors: rendering them would hide the fault."""
    with pytest.raises(TypeError):
        ChatStream(job(), False).chunk(Vectors(0, 1, b"1234"))


@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_a_whole_answer_is_one_that_the_official_client_reads(top_logprobs: int | None) -> None:
    """The interleaved tokens of two choices come out as two messages in index order."""
    shown = answer(job(top_logprobs=top_logprobs), LOG)
    completion = ChatCompletion.model_validate(shown)
    assert [choice.message.content for choice in completion.choices] == ["🌊", "b!"]
    assert [choice.finish_reason for choice in completion.choices] == ["length", "stop"]
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert (completion.id, completion.created) == ("chatcmpl-j1", 12)
    assert completion.usage is not None
    assert completion.usage.total_tokens == 13


def test_a_message_has_a_role_a_text_and_a_null_refusal() -> None:
    """The fields that clients read are all there, null where there is nothing."""
    first = answer(job(), LOG)["choices"][0]
    assert first["message"] == {"role": "assistant", "content": "🌊", "refusal": None}
    assert first["logprobs"] is None


def test_an_answers_logprobs_concatenate_to_its_text() -> None:
    """The bytes of all tokens of a choice are its text."""
    first = answer(job(top_logprobs=2), LOG)["choices"][0]
    listed = first["logprobs"]["content"]
    assert b"".join(bytes(token["bytes"]) for token in listed).decode() == "🌊"


def test_an_answer_of_no_tokens_is_an_empty_text() -> None:
    """A choice that stopped at once is an empty message, with empty logprobs when asked."""
    log: list[Event] = [Started(1), Finished(0, "stop", 0), Done(Usage(1))]
    (choice,) = answer(job(n=1, top_logprobs=0), log)["choices"]
    assert choice["message"]["content"] == ""
    assert choice["logprobs"] == {"content": [], "refusal": None}


def test_a_failed_job_raises_its_own_error() -> None:
    """A whole answer is not begun before its end, so the failure can be a status."""
    with pytest.raises(ContextLengthExceeded, match="Too long"):
        ChatAnswer(job()).add(Failed.of(ContextLengthExceeded("Too long.")))


def test_an_unfinished_answer_has_no_body() -> None:
    """Half an answer is never sent as a whole one."""
    with pytest.raises(RuntimeError, match="not complete"):
        ChatAnswer(job()).body()


def test_a_token_costs_less_than_a_microsecond() -> None:
    """The chunk of one token, rendered once per token and stream, takes less than 1 us.

    Measured 0.2 us; the best of several rounds, so that a busy machine does not fail it. Encoding
    the chunk as a whole took 0.5 us.
    """
    stream, token = ChatStream(job(), True), Token(0, (5,), " hello")
    rounds = []
    for _ in range(40):
        begun = time.perf_counter()
        for _ in range(500):
            stream.chunk(token)
        rounds.append((time.perf_counter() - begun) / 500)
    assert min(rounds) < 1e-6


@pytest.mark.parametrize(
    "text", ["b", "", 'a"b\\c', "\x00\n\x7f\u2028", "水🌊", '"content":""', "<\ufffd>"]
)
@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("index", [0, 1])
def test_a_text_is_written_as_the_whole_chunk_would_be(
    text: str, include_usage: bool, index: int
) -> None:
    """The frame around the text gives the same bytes as encoding the chunk as a whole."""
    usage = {"usage": None} if include_usage else {}
    choice = StreamChoice(index, Delta(content=text))
    whole = Chunk("chatcmpl-j1", 12, "talk", (choice,), **usage)  # type: ignore[arg-type]
    stream = ChatStream(job(), include_usage)
    assert stream.chunk(Token(index, (5,), text)) == msgspec.json.encode(whole)


CALLS: list[Event] = [
    Started(9),
    Token(1, (1,), "I look.", calls=(CallDelta(0, "find", ""),)),
    Token(1, (2,), "", calls=(CallDelta(0, None, '{"a":'),)),
    Token(0, (3,), "", calls=(CallDelta(0, "find", "{}"),)),
    Token(1, (4, 5), "", calls=(CallDelta(0, None, "1}"), CallDelta(1, "stop", "{"))),
    Token(1, (6,), "", calls=(CallDelta(1, None, "}"),)),
    Finished(0, "tool_calls", 1),
    Finished(1, "tool_calls", 5),
    Done(Usage(9, 6)),
]


def test_a_calls_first_piece_names_it_and_later_ones_go_on() -> None:
    """Only the first piece has an id, a type and a name; text may stand in the same chunk."""
    shown = chunks(ChatStream(job(), False), CALLS)
    for chunk in shown:
        ChatCompletionChunk.model_validate(chunk)
    deltas = [chunk["choices"][0]["delta"] for chunk in shown]
    first = deltas[1]["tool_calls"][0]
    assert deltas[1] == {"content": "I look.", "tool_calls": [first]}
    assert first == {
        "index": 0,
        "id": first["id"],
        "type": "function",
        "function": {"name": "find", "arguments": ""},
    }
    assert deltas[2] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}
    assert [piece["index"] for piece in deltas[4]["tool_calls"]] == [0, 1]
    assert shown[6]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_calls_id_is_the_same_whoever_renders_it() -> None:
    """Streamed again or whole: of one job, choice and number; another of either has another id."""
    rendered = [chunks(ChatStream(job(), False), CALLS) for _ in range(2)]
    assert rendered[0] == rendered[1]
    streamed = {
        (choice["index"], piece["index"]): piece["id"]
        for chunk in rendered[0]
        for choice in chunk["choices"]
        for piece in choice["delta"].get("tool_calls", [])
        if "id" in piece
    }
    whole = {
        (choice["index"], number): call["id"]
        for choice in answer(job(), CALLS)["choices"]
        for number, call in enumerate(choice["message"]["tool_calls"])
    }
    assert streamed == whole
    other = answer(job(id="j2"), CALLS)["choices"][0]["message"]["tool_calls"][0]["id"]
    assert len({*whole.values(), other}) == 4
    assert all(len(id) == 29 and id.startswith("call_") for id in whole.values())


def test_a_message_of_calls_has_them_whole() -> None:
    """The pieces of each call are put together; content is null where there is no text."""
    shown = answer(job(), CALLS)
    calls, mixed = ChatCompletion.model_validate(shown).choices
    assert shown["choices"][0]["message"]["content"] is None
    assert mixed.message.content == "I look."
    assert mixed.message.tool_calls is not None
    functions = [call.function for call in mixed.message.tool_calls if call.type == "function"]
    assert [(f.name, f.arguments) for f in functions] == [("find", '{"a":1}'), ("stop", "{}")]
    assert calls.finish_reason == mixed.finish_reason == "tool_calls"


def test_the_official_client_puts_streamed_calls_together() -> None:
    """What its own accumulator makes of the chunks is the whole answer."""
    state = ChatCompletionStreamState()
    for shown in chunks(ChatStream(job(), True, True), CALLS):
        state.handle_chunk(ChatCompletionChunk.model_validate(shown))
    streamed = state.get_final_completion().model_dump(exclude_none=True)
    whole = ChatCompletion.model_validate(answer(job(), CALLS)).model_dump(exclude_none=True)
    streamed_calls, whole_calls = (
        [choice["message"]["tool_calls"] for choice in one["choices"]] for one in (streamed, whole)
    )
    for call in (call for calls in streamed_calls for call in calls):
        call.pop("index", None)
    assert streamed_calls == whole_calls
    assert streamed["usage"] == whole["usage"]


def test_a_message_without_calls_has_no_list_of_them() -> None:
    """Clients look whether the field is there."""
    assert "tool_calls" not in answer(job(), LOG)["choices"][0]["message"]


TIMED = Done(Usage(9, 4, 4), Timings(4, 5, 10.0, 4, 8.0))


def test_timings_have_llama_servers_names() -> None:
    """Counts and times as they were logged, and the rates that follow from them."""
    whole = ChatAnswer(job(), True)
    whole.add(TIMED)
    assert json.loads(whole.body())["timings"] == {
        "cache_n": 4,
        "prompt_n": 5,
        "prompt_ms": 10.0,
        "prompt_per_token_ms": 2.0,
        "prompt_per_second": 500.0,
        "predicted_n": 4,
        "predicted_ms": 8.0,
        "predicted_per_token_ms": 2.0,
        "predicted_per_second": 500.0,
    }


def test_drafts_are_told_where_some_were_made() -> None:
    """None of them held: that is told too."""
    done = Done(Usage(9, 4), Timings(4, 5, 10.0, 4, 8.0, 7, 0))
    (chunk,) = chunks(ChatStream(job(), False, True), [done])
    assert (chunk["timings"]["draft_n"], chunk["timings"]["draft_n_accepted"]) == (7, 0)


def test_the_rate_of_nothing_is_null() -> None:
    """No token and no time divide by nothing; JSON has no infinity."""
    (chunk,) = chunks(ChatStream(job(), False, True), [Done(Usage(9), Timings(9, 0, 0.0, 1, 0.0))])
    timings = chunk["timings"]
    assert timings["prompt_per_token_ms"] is timings["prompt_per_second"] is None
    assert (timings["predicted_per_token_ms"], timings["predicted_per_second"]) == (0, None)


@pytest.mark.parametrize("include_usage", [False, True])
def test_a_streams_timings_come_in_its_last_chunk(include_usage: bool) -> None:
    """With the usage where that is asked for, else alone; the chunk has no choices."""
    *others, last = chunks(ChatStream(job(), include_usage, True), [*LOG[:-1], TIMED])
    assert last["choices"] == []
    assert last["timings"]["predicted_n"] == 4
    assert ("usage" in last) == include_usage
    assert not any("timings" in chunk for chunk in others)
    ChatCompletionChunk.model_validate(last)


def test_timings_come_only_when_asked_for_and_told() -> None:
    """A worker of an earlier release tells none; then there is no chunk for them either."""
    assert ChatStream(job(), False, False).chunk(TIMED) is None
    assert ChatStream(job(), False, True).chunk(LOG[-1]) is None
    assert "timings" not in answer(job(), LOG)
