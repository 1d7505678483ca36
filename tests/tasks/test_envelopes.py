"""What may pass to Celery, and what is stopped before it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.envelopes import fault_of
from tests.tasks.tickets import changed, ticket, without

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = [
    ("body",),
    ("headers",),
    ("headers", "task"),
    ("headers", "id"),
    ("headers", "timelimit"),
    ("headers", "stamped_headers"),
    ("properties",),
    ("properties", "delivery_tag"),
    ("properties", "delivery_info"),
    ("properties", "delivery_info", "routing_key"),
    ("properties", "body_encoding"),
    ("content-type",),
    ("content-encoding",),
]


def encoded(payload: object) -> str:
    """A payload, as a body."""
    return base64.b64encode(json.dumps(payload).encode()).decode()


def test_a_ticket_as_celery_writes_it_passes() -> None:
    """What ``publish_ticket`` puts into Redis has no fault."""
    assert fault_of(ticket(), ticket=True) is None


def test_a_ticket_that_was_put_back_passes() -> None:
    """kombu marks it as delivered again, in its headers."""
    assert fault_of(changed(("headers", "redelivered"), True), ticket=True) is None


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"garbage",
        bytes(range(256)),
        b"[" * 100_000,
        b'{"a": {"__type__": "uuid", "__value__": 3}}',
        b'{"a": {"__type__": "decimal", "__value__": "x"}}',
        b"1" * 5_000,
    ],
)
def test_what_kombu_cannot_decode_is_not_json(entry: bytes) -> None:
    """Each of these ended a worker."""
    assert fault_of(entry, ticket=True) == "not JSON"


@pytest.mark.parametrize("place", PLACES)
def test_a_ticket_with_a_part_missing_does_not_pass(place: tuple[str, ...]) -> None:
    """Only what Celery has a default for may be left out."""
    optional = place[-1] in ("timelimit", "stamped_headers")
    assert (fault_of(without(place), ticket=True) is None) is optional


@pytest.mark.parametrize(
    "payload",
    [
        5,
        [],
        [["job"], {}],
        [5, {}, {}],
        [[5], {}, {}],
        [["job"], {"keyword": 1}, {}],
        [["job"], {}, "text"],
        [["job"], {}, {"callbacks": 5}],
    ],
)
def test_a_ticket_of_another_payload_does_not_pass(payload: object) -> None:
    """Some ended the worker, some kept its slot for ever."""
    assert fault_of(changed(("body",), encoded(payload)), ticket=True) == "wrong body"


@pytest.mark.parametrize("body", ["garbage!!!", "", base64.b64encode(b"\x80\x04.").decode()])
def test_a_body_that_is_no_base64_of_json_does_not_pass(body: str) -> None:
    """Pickled ones neither."""
    assert fault_of(changed(("body",), body), ticket=True) == "wrong body"


@pytest.mark.parametrize("name", ["eta", "expires", "shadow", "compression", "stamped_headers"])
def test_a_ticket_asks_for_nothing_that_celery_offers_besides(name: str) -> None:
    """A task for the year 2099 would be held by the worker until then."""
    assert fault_of(changed(("headers", name), "2099-01-01T00:00:00"), ticket=True) is not None


def test_a_name_that_is_a_text_does_not_pass() -> None:
    """Names and ids are logged."""
    assert fault_of(changed(("headers", "id"), "x" * 201), ticket=True) == "not a ticket"


def test_a_command_passes_as_a_message_and_not_as_a_ticket() -> None:
    """What Celery's tools send to workers names no task."""
    command = without(("headers", "task"))
    assert fault_of(command, ticket=False) is None
    assert fault_of(command, ticket=True) == "not a ticket"


@given(st.binary(max_size=200))
def test_no_bytes_raise(entry: bytes) -> None:
    """Whatever the entry holds, the answer is a fault."""
    assert fault_of(entry, ticket=True) is not None


@given(st.sampled_from(PLACES), json_values)
def test_no_value_in_a_known_place_raises(place: tuple[str, ...], value: Any) -> None:
    """A ticket with one part replaced passes or has a fault."""
    for of_ours in (True, False):
        assert fault_of(changed(place, value), ticket=of_ours) != ""
