"""Views of a job's log: its events, one line for every run of tokens, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table

from console.screen import plain_table, two_columns
from console.wording import clean, counted
from tasks.events import Done, Event, Failed, Finished, Started, Token, Vectors

Entry = tuple[int, Event]


def events_table(log: Sequence[Entry]) -> Table:
    """Sequence numbers, kinds and sizes; no word of the answer."""
    table = plain_table("events", "kind", "what", names=("what",), numbers=("events",))
    for is_run, run in groupby(log, key=lambda entry: isinstance(entry[1], Token)):
        entries = list(run)
        if is_run:
            table.add_row(_numbers(entries), "tokens", _tokens(entries))
            continue
        for seq, event in entries:
            table.add_row(str(seq), type(event).__name__.lower(), clean(_told(event)))
    return table


def _numbers(entries: Sequence[Entry]) -> str:
    first, last = entries[0][0], entries[-1][0]
    return str(first) if first == last else f"{first}-{last}"


def _run(entries: Sequence[Entry]) -> Iterator[Token]:
    return (event for _, event in entries if isinstance(event, Token))


def _tokens(entries: Sequence[Entry]) -> str:
    run = list(_run(entries))
    ids = counted(sum(len(token.ids) for token in run), "token")
    characters = counted(sum(len(token.text) for token in run), "character")
    calls = sum(call.name is not None for token in run for call in token.calls)
    called = f", {counted(calls, 'tool call')}" if calls else ""
    return f"{ids}, {characters}{called}, {counted(len({t.index for t in run}), 'choice')}"


def _told(event: Event) -> str:
    match event:
        case Started(prompt_tokens=prompt, cached_tokens=cached):
            return f"{counted(prompt, 'token')} in, {cached:,} cached"
        case Finished(index=index, reason=reason, tokens=tokens):
            return f"choice {index}, {reason}, {counted(tokens, 'token')}"
        case Vectors(start=start, dimensions=dimensions, data=data):
            rows = len(data) // (4 * dimensions) if dimensions else 0
            return f"{counted(rows, 'vector')} of {dimensions} from input {start}"
        case Done(usage=usage):
            return f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out"
        case Failed(code=code):
            return code
    return ""


def answers_table(log: Sequence[Entry]) -> Table:
    """The text of every choice, as far as the log goes."""
    grid = two_columns()
    texts: dict[int, list[str]] = {}
    for token in _run(log):
        pieces = texts.setdefault(token.index, [])
        pieces.append(token.text)
        pieces += [f"{call.name or ''}{call.arguments}" for call in token.calls]
    for choice, pieces in sorted(texts.items()):
        grid.add_row(f"answer {choice}", clean("".join(pieces)))
    return grid
