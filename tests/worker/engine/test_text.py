"""Which text may leave, token by token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.events import TokenLogprob
from worker.engine.text import Piece, TextStream, first_stop, held_back

WORDS = st.text(alphabet="abc ", min_size=1, max_size=4)


def run(pieces: list[bytes], stop: list[str]) -> tuple[str, bool, int]:
    """(text sent, whether a stop string ended it, ids told) of a whole answer."""
    stream, told = TextStream(stop), []
    for token, piece in enumerate(pieces):
        if (sent := stream.push(token, piece)) is not None:
            told.append(sent)
            if sent.stopped:
                break
    else:
        if (rest := stream.flush()) is not None:
            told.append(rest)
    stopped = bool(told) and told[-1].stopped
    return "".join(p.text for p in told), stopped, sum(len(p.ids) for p in told)


def test_a_character_that_spans_tokens_is_never_torn() -> None:
    """The bytes of one character in three tokens leave together, with all three ids."""
    stream = TextStream()
    euro = "€".encode()
    assert stream.push(1, euro[:1]) is None
    assert stream.push(2, euro[1:2]) is None
    assert stream.push(3, euro[2:]) == Piece((1, 2, 3), "€", ())


def test_half_a_character_at_the_end_becomes_a_replacement() -> None:
    """An answer that ends in the middle of a character ends with U+FFFD."""
    stream = TextStream()
    stream.push(1, b"\xe2")
    assert stream.flush() == Piece((1,), "\ufffd", ())


def test_a_stop_string_across_tokens_is_held_back() -> None:
    """No beginning of a stop string leaves, and the rest leaves when it was none."""
    stream = TextStream(["END"])
    assert stream.push(1, b"a E") == Piece((1,), "a ", ())
    assert stream.push(2, b"N") is None
    assert stream.push(3, b"x") == Piece((2, 3), "ENx", ())


def test_the_text_stops_before_the_stop_string() -> None:
    """What stands behind or inside it is not sent."""
    stream = TextStream(["END"])
    stream.push(1, b"a EN")
    assert stream.push(2, b"D more") == Piece((2,), "", (), stopped=True)


def test_logprobs_of_the_stop_string_are_left_out() -> None:
    """The tokens told concatenate to the text told."""
    stream = TextStream(["END"])
    stream.push(1, b"EN", TokenLogprob(b"EN", -1.0))
    piece = stream.push(2, b"D", TokenLogprob(b"D", -1.0))
    assert piece == Piece((1, 2), "", (), stopped=True)


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=3))
def test_the_text_sent_is_the_text_up_to_the_first_stop(words: list[str], stop: list[str]) -> None:
    """However it is cut into tokens, nothing is lost, doubled, or sent beyond a stop string."""
    whole = "".join(words)
    text, stopped, ids = run([word.encode() for word in words], stop)
    cut = first_stop(whole, stop)
    assert text == whole[:cut]
    assert stopped == (cut is not None)
    if not stopped:
        assert ids == len(words)


@given(st.binary(max_size=40), st.integers(1, 7))
def test_any_bytes_decode_as_a_whole_would(data: bytes, size: int) -> None:
    """Cutting into tokens does not change the text, valid UTF-8 or not."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert run(pieces, [])[0] == data.decode(errors="replace")


@given(st.text(alphabet="ab", max_size=8), st.lists(st.text(alphabet="ab", min_size=1, max_size=5)))
def test_held_back_is_the_longest_beginning_of_a_stop_string(text: str, stop: list[str]) -> None:
    """The length equals the one found by trying all."""
    longest = max(
        (n for word in stop for n in range(1, len(word)) if text.endswith(word[:n])), default=0
    )
    assert held_back(text, stop) == longest
