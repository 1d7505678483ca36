"""What a whole answer is put together from: the events of its log, per choice."""

from __future__ import annotations

from tasks.events import Done, Event, Failed, Finished, Token, TokenLogprob


class Collected:
    """The texts, log probabilities and ends of so many ``choices``, in the order of the log."""

    def __init__(self, choices: int) -> None:
        self.texts: list[list[str]] = [[] for _ in range(choices)]
        self.logprobs: list[list[TokenLogprob]] = [[] for _ in range(choices)]
        self.reasons = ["stop"] * choices
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        match event:
            case Token():
                self.texts[event.index].append(event.text)
                self.logprobs[event.index].extend(event.logprobs)
            case Finished():
                self.reasons[event.index] = event.reason
            case Done():
                self._done = event
            case Failed():
                raise event.error()

    @property
    def done(self) -> Done:
        """The last event; ``RuntimeError`` before it came."""
        if self._done is None:
            raise RuntimeError("the answer is not complete: its log has no Done yet")
        return self._done
