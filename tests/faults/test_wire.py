"""How the suite's client reads a stream."""

from __future__ import annotations

from faults.wire import Heard, Reader, gapless, longest_pause_s

CHUNK = 'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}'


def read(*lines: str) -> Reader:
    """A reader that was given these lines."""
    reader = Reader()
    for line in lines:
        reader.line(line)
    return reader


def test_events_bear_their_numbers() -> None:
    """Comments are none, and the end after the last event is none of its own."""
    reader = read(
        *(": job 1", "", "id: 1", CHUNK % "a", "", "id: 2", CHUNK % "b", "", "data: [DONE]", "")
    )
    assert [event.seq for event in reader.events] == [1, 2]
    assert reader.text == "ab"
    assert reader.comments == ["job 1"]
    assert reader.done


def test_an_event_that_was_cut_off_was_not_heard() -> None:
    """Resuming asks for it again: with its empty line missing it does not count."""
    reader = read("id: 1", CHUNK % "a", "", "id: 2", CHUNK % "b")
    reader.cut()
    assert reader.last_seq == 1
    reader.line("")
    assert reader.last_seq == 1


def test_an_error_in_a_stream_is_kept() -> None:
    """With its code, and it is no end as answers end."""
    reader = read('data: {"error": {"code": "server_restarting"}}', "")
    assert reader.error == {"code": "server_restarting"}
    assert not reader.done


def test_a_gap_or_a_repeat_is_seen() -> None:
    """Numbers go up by one."""
    events = [Heard(seq, "", 0.0) for seq in (1, 2, 3)]
    assert gapless(events)
    assert gapless(events[1:], first=2)
    assert not gapless([events[0], events[2]])
    assert not gapless([events[0], events[0]])


def test_the_pause_is_the_longest_one_that_ended_after_the_injury() -> None:
    """Earlier silences had other reasons."""
    events = [Heard(1, "", 0.0), Heard(2, "", 5.0), Heard(3, "", 5.1), Heard(4, "", 6.1)]
    assert longest_pause_s(events, since=5.05) == 1.0
    assert longest_pause_s(events, since=7.0) == 0.0
