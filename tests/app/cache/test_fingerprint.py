"""What makes two requests equal, and what does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from app.cache.fingerprint import fingerprint, input_fingerprints
from tasks.jobs import (
    ChatJob,
    CompletionJob,
    EmbedJob,
    Form,
    Image,
    Job,
    Message,
    Priority,
    Sampling,
    Shown,
    Tool,
    ToolCall,
)

# What an answer does not depend on: everything else must count.
NEUTRAL = {
    "id",
    "created_at",
    "priority",
    "metadata",
    "deadline_at",
    "shown",
    "response",
    "traceparent",
}

# How long drawing takes is the machine's affair.
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORD = st.text(max_size=5)
WORDS = st.lists(WORD, max_size=3).map(tuple)
NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32)
COUNT = st.integers(0, 2**31)
TOKEN_LISTS = st.lists(st.lists(COUNT, max_size=3).map(tuple), max_size=3).map(tuple)

# By field or struct: how its values are drawn. A field that is added must be added here.
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: WORD,
    float: NUMBER,
    int: COUNT,
    bool: st.booleans(),
    bytes: st.binary(max_size=5),
    float | None: st.none() | NUMBER,
    int | None: st.none() | COUNT,
    str | None: st.none() | WORD,
    Priority: st.sampled_from(Priority),
    dict[str, str]: st.dictionaries(WORD, WORD, max_size=3),
    dict[int, float]: st.dictionaries(COUNT, NUMBER, max_size=3),
    tuple[str, ...]: WORDS,
    tuple[tuple[int, ...], ...]: TOKEN_LISTS,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Anything of the type ``kind``, which a job's field may have."""
    info = msgspec.inspect.type_info(kind)
    if kind in VALUES:
        return VALUES[kind]
    if isinstance(info, msgspec.inspect.StructType):
        return st.builds(kind, **{each.name: values(each.type) for each in typed_fields(kind)})
    if isinstance(info, msgspec.inspect.LiteralType):
        return st.sampled_from(info.values)
    if isinstance(info, msgspec.inspect.VarTupleType):
        return st.lists(values(kind.__args__[0]), max_size=2).map(tuple)
    assert isinstance(info, msgspec.inspect.UnionType), f"no values of {kind} are known"
    return st.one_of([st.none() if each is type(None) else values(each) for each in kind.__args__])


def typed_fields(kind: type[msgspec.Struct]) -> tuple[Any, ...]:
    """The fields of a struct, their types resolved."""
    return fields(kind)


def fields_of(*kinds: type[msgspec.Struct]) -> list[Any]:
    """Every field of every kind."""
    return [
        pytest.param(kind, each, id=f"{kind.__name__}.{each.name}")
        for kind in kinds
        for each in typed_fields(kind)
    ]


def holding(part: msgspec.Struct) -> Job:
    """A chat with ``part`` in its place."""
    message = Message("user", "hello")
    match part:
        case Sampling():
            return chat(sampling=part)
        case Message():
            return chat(messages=(part,))
        case Tool():
            return chat(tools=(part,))
        case Form():
            return chat(form=part)
        case ToolCall():
            return chat(messages=(replace(message, tool_calls=(part,)),))
        case Image():
            return chat(messages=(replace(message, images=(part,)),))
    raise TypeError(type(part).__name__)


def chat(**changed: Any) -> ChatJob:
    least: dict[str, Any] = {"id": "j", "model": "m", "messages": (Message("user", "hello"),)}
    return ChatJob(**(least | changed))


@pytest.mark.parametrize(("kind", "field"), fields_of(ChatJob, CompletionJob, EmbedJob))
@FEW
@given(data=st.data())
def test_every_field_of_a_job_counts_or_is_neutral(
    kind: type[Any], field: Any, data: st.DataObject
) -> None:
    """A job that differs in one field is equal only where the answer does not depend on it."""
    job = data.draw(values(kind))
    other = data.draw(values(field.type))
    assume(getattr(job, field.name) != other)
    changed = replace(job, **{field.name: other})
    are_equal = fingerprint(job, "i") == fingerprint(changed, "i")
    assert are_equal == (field.name in NEUTRAL)


@pytest.mark.parametrize(
    ("kind", "field"), fields_of(Sampling, Message, Tool, Form, ToolCall, Image)
)
@FEW
@given(data=st.data())
def test_every_field_within_a_job_counts(kind: type[Any], field: Any, data: st.DataObject) -> None:
    """Those of how it samples, its messages, their calls and pictures, its tools and its form."""
    part = data.draw(values(kind))
    other = data.draw(values(field.type))
    assume(getattr(part, field.name) != other)
    changed = replace(part, **{field.name: other})
    assert fingerprint(holding(part), "i") != fingerprint(holding(changed), "i")


@FEW
@given(st.dictionaries(COUNT, NUMBER, min_size=2, max_size=5), st.randoms())
def test_the_order_of_biases_does_not_count(biases: dict[int, float], random: Any) -> None:
    """A client's JSON object has none."""
    turned = list(biases.items())
    random.shuffle(turned)
    jobs = [chat(sampling=Sampling(logit_bias=each)) for each in (biases, dict(turned))]
    assert fingerprint(jobs[0], "i") == fingerprint(jobs[1], "i")


def test_another_identity_or_kind_is_another_request() -> None:
    """The same words are answered by another file, or continued instead of answered."""
    assert fingerprint(chat(), "one") != fingerprint(chat(), "two")
    continued = CompletionJob(id="j", model="m", texts=("a",))
    embedded = EmbedJob(id="j", model="m", texts=("a",))
    assert fingerprint(continued, "i") != fingerprint(embedded, "i")


def test_an_identity_cannot_run_into_the_job() -> None:
    """What stands beside each other is told apart: no two pairs hash the same bytes."""
    body = msgspec.msgpack.encode(chat(id=""))
    assert fingerprint(chat(), "a") != fingerprint(chat(), "a" + body[:1].decode("latin-1"))


EMBED = EmbedJob(id="j", model="m", texts=("one", "two"))


def test_an_input_is_itself_in_any_company() -> None:
    """Its place, its neighbours, and how the answer is written do not count."""
    [one, two] = input_fingerprints(EMBED, "i")
    turned = replace(EMBED, id="k", texts=("two", "three", "one"), shown=Shown(base64=True))
    [two_again, _, one_again] = input_fingerprints(turned, "i")
    assert (one, two) == (one_again, two_again)
    assert one != two


@pytest.mark.parametrize("changed", [{"owner": "o"}, {"model": "n"}, {"dimensions": 8}])
def test_an_input_depends_on_what_it_is_embedded_with(changed: dict[str, Any]) -> None:
    """Owner, model and dimensions; the identity as well."""
    before = input_fingerprints(EMBED, "i")
    assert not set(before) & set(input_fingerprints(replace(EMBED, **changed), "i"))
    assert not set(before) & set(input_fingerprints(EMBED, "k"))


def test_token_ids_are_no_text() -> None:
    """Not even where both are written with the same bytes."""
    tokens = replace(EMBED, texts=(), tokens=((1, 2), (1,), (2,)))
    prints = input_fingerprints(tokens, "i")
    assert len(set(prints)) == 3
    text = replace(EMBED, texts=(msgspec.msgpack.encode((1,)).decode("latin-1"),))
    assert input_fingerprints(text, "i")[0] not in prints
