"""A response's stream: read by the official client's own state, and by hand."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from app.openai.errors import ServerRestarting
from app.openai.responses.errors import by_its_fields
from app.openai.responses.stream import ResponseFrames
from app.openai.responses.whole import ResponseAnswer, render_response
from tasks.errors import ContextLengthExceeded, JobCancelled, ModelFailed
from tasks.events import (
    CallDelta,
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Token,
    TokenLogprob,
    Usage,
)
from tasks.jobs import ChatJob, Form, Message, ResponseAsked, Sampling, Tool

READ: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
LOGPROBS = (TokenLogprob(b"hel", -0.5, ((b"hel", -0.5),)),)
TEXT: list[Event] = [
    Started(9, 4),
    Token(0, (1,), "hel", LOGPROBS),
    Token(0, (2,), ""),
    Token(0, (3,), "lo"),
    Finished(0, "stop", 3),
    Done(Usage(9, 3, 4)),
]
CALLS: list[Event] = [
    Started(9),
    Token(0, (1,), "well", calls=(CallDelta(0, "f", ""),)),
    Token(0, (2,), "", calls=(CallDelta(0, None, '{"a"'),)),
    Token(0, (3,), "", calls=(CallDelta(0, None, ":1}"), CallDelta(1, "g", "{"))),
    Token(0, (4,), "", calls=(CallDelta(1, None, "}"),)),
    Token(0, (5,), " then"),
    Finished(0, "tool_calls", 5),
    Done(Usage(9, 5)),
]
CUT: list[Event] = [Started(9), Token(0, (1,), "he"), Finished(0, "length", 1), Done(Usage(9, 1))]
EMPTY: list[Event] = [Started(9), Finished(0, "stop", 0), Done(Usage(9))]
LOGS = {"text": TEXT, "calls": CALLS, "empty": EMPTY}


def job(**fields: Any) -> ChatJob:
    base: dict[str, Any] = {"id": "j1", "model": "talk", "created_at": 12.9}
    least = base | {"messages": (Message("user", "hi"),), "response": ResponseAsked()}
    return ChatJob(**(least | fields))


def stream(asked: ChatJob, log: list[Event], skip: int = 0, *, numbered: bool = True) -> bytes:
    frames = ResponseFrames(asked, skip, numbered=numbered)
    opening = frames.opening()
    said = [frames.event(seq, event) for seq, event in enumerate(log, 1)]
    return opening + b"".join(said)


def told(said: bytes) -> list[dict[str, Any]]:
    """The data of each event."""
    lines = [line for line in said.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line[6:]) for line in lines]


def whole(asked: ChatJob, log: list[Event]) -> dict[str, Any]:
    answer = ResponseAnswer(asked)
    for event in log:
        answer.add(event)
    body: dict[str, Any] = json.loads(answer.body())
    return body


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
@pytest.mark.parametrize("background", [False, True])
def test_the_official_client_puts_the_stream_together(log: list[Event], background: bool) -> None:
    """Every event is of its type, and the last one holds the whole response."""
    asked = job(response=ResponseAsked(background=background))
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    for data in told(stream(asked, log)):
        state.handle_event(READ.validate_python(data))
    expected = whole(asked, log)
    assert data["response"] == expected
    put_together = state._completed_response
    assert put_together is not None
    assert put_together.output_text == Response.model_validate(expected).output_text
    ids = [item["id"] for item in put_together.to_dict()["output"]]  # type: ignore[attr-defined]
    assert ids == [item["id"] for item in expected["output"]]


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_the_pieces_are_the_whole(log: list[Event]) -> None:
    """Deltas by item put together are what the last event holds."""
    pieces: dict[str, str] = {}
    *_, last = events = told(stream(job(), log))
    for data in events:
        if data["type"].endswith(".delta"):
            pieces[data["item_id"]] = pieces.get(data["item_id"], "") + data["delta"]
    items = last["response"]["output"]
    texts = {
        i["id"]: i["arguments"] if "arguments" in i else i["content"][0]["text"] for i in items
    }
    assert pieces == {name: text for name, text in texts.items() if text}


def test_the_events_come_in_openais_order() -> None:
    """A text is framed by its part, its item and its response."""
    assert [data["type"].removeprefix("response.") for data in told(stream(job(), TEXT))] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_a_response_that_waits_says_so() -> None:
    """In the background it is queued first; its status follows."""
    first, second, third, *_ = told(stream(job(response=ResponseAsked(background=True)), TEXT))
    kinds = [(data["type"], data["response"]["status"]) for data in (first, second, third)]
    assert kinds == [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ]


def test_numbers_and_names_stand_before_the_data_too() -> None:
    """From 1 without gaps."""
    for number, frame in enumerate(stream(job(), CALLS).decode().split("\n\n")[:-1], 1):
        head, name, data = frame.split("\n")
        body = json.loads(data.removeprefix("data: "))
        assert (head, body["sequence_number"]) == (f"id: {number}", number)
        assert name == f"event: {body['type']}"


@pytest.mark.parametrize("log", [TEXT, CALLS])
def test_wherever_it_is_cut_the_rest_is_the_originals(log: list[Event]) -> None:
    """Byte for byte, behind every event of it."""
    original = stream(job(), log).split(b"\n\n")[:-1]
    for skip in range(len(original) + 1):
        assert stream(job(), log, skip).split(b"\n\n")[:-1] == original[skip:]


def test_an_answer_that_was_kept_has_no_ids() -> None:
    """Nothing can be asked again by number; the data is the same."""
    said = stream(job(), TEXT, numbered=False)
    assert b"id: " not in said.replace(b'"id"', b"")
    assert told(said) == told(stream(job(), TEXT))


def test_calls_are_items_behind_the_text() -> None:
    """What is said before them and after them is one message."""
    message, first, second = whole(job(), CALLS)["output"]
    assert message["content"][0]["text"] == "well then"
    assert (first["name"], first["arguments"]) == ("f", '{"a":1}')
    assert (second["name"], second["arguments"]) == ("g", "{}")
    assert first["call_id"].startswith("call_")
    assert len({message["id"], first["id"], second["id"], first["call_id"]}) == 4


def test_an_answer_that_was_cut_is_incomplete() -> None:
    """Also its last item, and says why."""
    response = whole(job(max_tokens=1), CUT)
    assert (response["status"], response["max_output_tokens"]) == ("incomplete", 1)
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][-1]["status"] == "incomplete"
    assert told(stream(job(), CUT))[-1]["type"] == "response.incomplete"


def test_the_usage_is_the_jobs() -> None:
    """By the names that it has in a response."""
    assert whole(job(), TEXT)["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    }


def test_logprobs_are_in_the_deltas_and_in_the_whole() -> None:
    """The tokens of each piece."""
    asked = job(top_logprobs=1)
    delta = next(d for d in told(stream(asked, TEXT)) if d["type"] == "response.output_text.delta")
    [logprob] = delta["logprobs"]
    assert (logprob["token"], logprob["logprob"], logprob["bytes"]) == ("hel", -0.5, list(b"hel"))
    assert whole(asked, TEXT)["output"][0]["content"][0]["logprobs"] == [logprob]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ContextLengthExceeded("Too long."), "failed", "invalid_prompt"),
        (ModelFailed("It broke."), "failed", "server_error"),
        (JobCancelled("Cancelled."), "cancelled", "server_error"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_a_failure_is_the_responses_own(
    error: ContextLengthExceeded | ModelFailed | JobCancelled, status: str, code: str, before: int
) -> None:
    """With what was said before it; whoever waits for the whole gets the error itself."""
    log = [*TEXT[:before], Failed.of(error)]
    last = told(stream(job(), log))[-1]
    assert last["type"] == "response.failed"
    response = last["response"]
    assert (response["status"], response["error"]["code"]) == (status, code)
    assert [item["status"] for item in response["output"]] == ["incomplete"] * (before // 2)
    assert json.loads(render_response(job(), "failed", log)) == response
    with pytest.raises(type(error)):
        whole(job(), log)


def test_a_restart_says_where_it_goes_on() -> None:
    """In an error that every client takes for one, under the last number that was given."""
    frames = ResponseFrames(job())
    frames.opening()
    frames.event(1, TEXT[0])
    [data] = told(frames.restarting("other", 1))
    assert (data["type"], data["code"]) == ("error", ServerRestarting.code)
    assert data["sequence_number"] == 2
    assert data["error"]["resume"] == {"url": "/v1/jobs/other/events", "last_event_id": 2}
    READ.validate_python(data)


def test_what_was_asked_is_said_again() -> None:
    """Instructions, form, tools and parameters."""
    asked = job(
        messages=(Message("system", "be brief"), Message("user", "hi")),
        sampling=Sampling(temperature=0.5, top_p=0.25),
        max_tokens=9,
        metadata={"k": "v"},
        tools=(Tool("f", "d", '{"type":"object","properties":{}}'), Tool("g")),
        tool_choice="required",
        tool_name="g",
        parallel_tool_calls=False,
        response=ResponseAsked(instructed=True),
    )
    said = whole(asked, TEXT)
    assert said["instructions"] == "be brief"
    assert (said["temperature"], said["top_p"], said["max_output_tokens"]) == (0.5, 0.25, 9)
    assert (said["metadata"], said["parallel_tool_calls"]) == ({"k": "v"}, False)
    assert said["tool_choice"] == {"type": "function", "name": "g"}
    assert said["tools"][0] == {
        "type": "function",
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    }


@pytest.mark.parametrize(
    ("form", "format"),
    [
        (None, {"type": "text"}),
        (Form("gbnf", 'root ::= "a"'), {"type": "text"}),
        (Form("json"), {"type": "json_object"}),
        (
            Form("schema", '{"type":"object"}'),
            {
                "type": "json_schema",
                "name": "thing",
                "description": None,
                "schema": {"type": "object"},
                "strict": True,
            },
        ),
    ],
)
def test_the_form_is_said_again(form: Form | None, format: dict[str, Any]) -> None:
    """A schema with its name."""
    asked = job(form=form, response=ResponseAsked(form_name="thing"))
    assert whole(asked, TEXT)["text"] == {"format": format}


def test_a_response_that_is_waited_for_has_the_state_of_its_job() -> None:
    """Without an output until it ends; then with the time of its end."""
    asked = job(response=ResponseAsked(background=True))
    queued = msgspec.json.decode(render_response(asked, "queued", []))
    running = msgspec.json.decode(render_response(asked, "running", []))
    done = msgspec.json.decode(render_response(asked, "done", TEXT, 20.5))
    states = [(each["status"], each["completed_at"]) for each in (queued, running, done)]
    assert states == [("queued", None), ("in_progress", None), ("completed", 20)]
    assert (queued["output"], len(done["output"])) == ([], 1)


@pytest.mark.parametrize(
    ("chats", "own"),
    [
        ("messages", "input"),
        ("max_tokens", "max_output_tokens"),
        ("response_format.json_schema.schema", "text.format.schema"),
        ("tools", "tools"),
    ],
)
def test_a_workers_refusal_names_the_fields_as_they_are_here(chats: str, own: str) -> None:
    """It knows them by a chat's names, and its advice as well."""
    said = f"Shorten the {chats}."
    error = by_its_fields(ContextLengthExceeded(said, param=chats))
    assert (error.param, error.message) == (own, f"Shorten the {own}.")
    assert isinstance(error, ContextLengthExceeded)
