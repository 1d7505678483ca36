"""The items of a response's output as they grow, and what is new with each event.

There is at most one message: what a model says before its calls and after them is one text, as in a
chat. It and the last call stay open until the answer ends; an item's place is that of its first
piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.openai.chat_shapes import ContentLogprob, logprobs
from app.openai.responses.ids import call_ids, message_id
from app.openai.responses.shapes import (
    FunctionCall,
    ItemStatus,
    OutputItem,
    OutputMessage,
    OutputText,
)
from tasks.events import CallDelta, Token


@dataclass(slots=True)
class Spoken:
    """The message."""

    place: int
    id: str
    status: ItemStatus = "in_progress"
    texts: list[str] = field(default_factory=list)
    logprobs: list[ContentLogprob] = field(default_factory=list)

    def part(self) -> OutputText:
        """What it says so far."""
        return OutputText("".join(self.texts), (), tuple(self.logprobs))

    def shape(self) -> OutputItem:
        """The item as it is now."""
        return OutputMessage(id=self.id, status=self.status, content=(self.part(),))


@dataclass(slots=True)
class Called:
    """A call."""

    place: int
    id: str
    call_id: str
    name: str
    status: ItemStatus = "in_progress"
    pieces: list[str] = field(default_factory=list)

    def arguments(self) -> str:
        """Its arguments so far."""
        return "".join(self.pieces)

    def shape(self) -> OutputItem:
        """The item as it is now."""
        return FunctionCall(self.id, self.call_id, self.name, self.arguments(), self.status)


Item = Spoken | Called


@dataclass(frozen=True, slots=True)
class Opened:
    """A new item; nothing of it has been said yet."""

    item: Item


@dataclass(frozen=True, slots=True)
class Said:
    """More of the message."""

    item: Spoken
    text: str
    logprobs: tuple[ContentLogprob, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """More of a call's arguments."""

    item: Called
    arguments: str


@dataclass(frozen=True, slots=True)
class Closed:
    """An item that has ended."""

    item: Item


Change = Opened | Said | Added | Closed


class Output:
    """The items of one response, in their order."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._items: list[Item] = []
        self._message: Spoken | None = None
        self._calls: dict[int, Called] = {}

    def take(self, token: Token) -> Iterator[Change]:
        """What is new with ``token``, each change as it is made."""
        if token.text or token.logprobs:
            yield from self._say(token)
        for delta in token.calls:
            yield from self._call(delta)

    def finish(self, *, cut: bool) -> Iterator[Change]:
        """The answer has ended; ``cut`` is what was written last when it did so too early."""
        if not self._items:
            yield from self._open_message()
        last = self._items[-1]
        for item in self._items:
            if item.status == "in_progress":
                yield self._close(item, "incomplete" if cut and item is last else "completed")

    def break_off(self) -> None:
        """The answer will not come to its end."""
        for item in self._items:
            if item.status == "in_progress":
                item.status = "incomplete"

    def shapes(self) -> tuple[OutputItem, ...]:
        """The items as they are now."""
        return tuple(item.shape() for item in self._items)

    def _say(self, token: Token) -> Iterator[Change]:
        if self._message is None:
            yield from self._open_message()
        assert self._message is not None
        shown = tuple(logprobs(token.logprobs).content)
        self._message.texts.append(token.text)
        self._message.logprobs += shown
        yield Said(self._message, token.text, shown)

    def _open_message(self) -> Iterator[Change]:
        self._message = Spoken(len(self._items), message_id(self._job_id))
        self._items.append(self._message)
        yield Opened(self._message)

    def _call(self, delta: CallDelta) -> Iterator[Change]:
        call = self._calls.get(delta.index)
        if call is None:
            for before in self._calls.values():
                if before.status == "in_progress":
                    yield self._close(before, "completed")
            call = Called(len(self._items), *call_ids(self._job_id, delta.index), delta.name or "")
            self._calls[delta.index] = call
            self._items.append(call)
            yield Opened(call)
        if delta.arguments:
            call.pieces.append(delta.arguments)
            yield Added(call, delta.arguments)

    def _close(self, item: Item, status: ItemStatus) -> Change:
        item.status = status
        return Closed(item)
