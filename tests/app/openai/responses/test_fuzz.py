"""Generated requests for responses: whatever is sent becomes a job, or is refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.openai.errors import BadRequest, body_of
from app.openai.responses.fields import ResponseBody
from app.openai.responses.parse import parse_response
from app.openai.responses.stream import ResponseFrames
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.events import Done, Event, Finished, Started, Token, Usage
from tasks.jobs import ChatJob, decode, encode
from tests.app.openai.test_fuzz import ANSWER, ANY, NAMES, SCHEMA, WORDS, bodies, many

CHATS_OWN = {"max_tokens", "response_format"}
FILLED = WORDS.filter(bool)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "output_text", "input_image", "input_file", "text"])},
    optional={"text": WORDS, "image_url": WORDS, "file_id": WORDS, "annotations": ANY},
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "function_call", "function_call_output", "reasoning", "item_reference"]
        ),
        "role": st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
        "content": WORDS | st.lists(PART, max_size=3),
        "call_id": FILLED,
        "name": NAMES,
        "arguments": WORDS | SCHEMA,
        "output": WORDS | st.lists(PART, max_size=2) | ANY,
        "id": WORDS,
    },
)
USER = st.fixed_dictionaries({"role": st.just("user"), "content": WORDS})
TOOL = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "function", "web_search"])},
    optional={"name": NAMES, "description": WORDS, "parameters": SCHEMA, "strict": st.booleans()},
)
FORMAT = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "json_object", "json_schema"])},
    optional={"name": NAMES, "schema": SCHEMA, "description": WORDS, "strict": st.booleans()},
)
RARELY = st.none() | st.none() | ANY
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    name: values for name, values in ANSWER.items() if name not in CHATS_OWN
} | {
    "model": st.just("talk"),
    "n": st.just(1),
    "input": WORDS | st.lists(USER, min_size=1, max_size=3) | st.lists(ITEM | USER, max_size=4),
    "instructions": WORDS,
    "max_output_tokens": st.integers(1, 2**31 - 1),
    "top_logprobs": st.integers(0, 20),
    "include": st.lists(st.sampled_from(["message.output_text.logprobs", "all"]), max_size=1),
    "text": st.fixed_dictionaries({}, optional={"format": FORMAT, "verbosity": WORDS}),
    "tools": st.lists(TOOL, max_size=2),
    "tool_choice": st.sampled_from(["none", "auto", "required"]) | TOOL,
    "parallel_tool_calls": st.booleans(),
    "store": st.booleans(),
    "truncation": st.sampled_from(["disabled", "disabled", "auto"]),
    "previous_response_id": RARELY,
    "conversation": RARELY,
    "prompt": RARELY,
    "context_management": RARELY,
    "moderation": RARELY,
}


def test_every_field_is_generated() -> None:
    """A field that is added to the body is added to these tests."""
    assert set(FIELDS) == set(ResponseBody.__struct_fields__)


def job_or_refusal(models: Catalog, body: bytes) -> ChatJob | bytes:
    """The job, or what its client is told."""
    try:
        asked = parse_response(body, catalog=models, job_id="j", owner="ann", created_at=1.0)
    except (BadRequest, UnknownModel) as error:
        return body_of(error)
    return asked.job


@settings(many, max_examples=1_000)
@given(body=bodies(FIELDS, ("model", "input")))
def test_generated_responses_are_jobs_or_refusals(models: Catalog, body: dict[str, Any]) -> None:
    """A job crosses the queue unchanged and its response can be written; a refusal can be told."""
    job = job_or_refusal(models, json.dumps(body).encode())
    if isinstance(job, bytes):
        assert json.loads(job)["error"]["message"]
        return
    assert decode(encode(job)) == job
    frames = ResponseFrames(job)
    log: list[Event] = [Started(1), Token(0, (1,), "x"), Finished(0, "stop", 1), Done(Usage(1, 1))]
    said = frames.opening() + b"".join(frames.event(i, event) for i, event in enumerate(log, 1))
    data = [line for line in said.decode().split("\n") if line.startswith("data: ")]
    assert json.loads(data[-1][6:])["response"]["status"] == "completed"
