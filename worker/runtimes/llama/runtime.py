"""One model in one context of llama.cpp, its sequences advanced together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np

from tasks.jobs import Message, Sampling, Tool
from worker.runtimes.base import Feed, Sampled, Scored
from worker.runtimes.errors import DecodeFailed, LoadFailed
from worker.runtimes.llama import library, logits, waiting
from worker.runtimes.llama.batch import Batch
from worker.runtimes.llama.candidates import Candidates
from worker.runtimes.llama.memory import Memory, gaps
from worker.runtimes.llama.opening import cores, load, most_fed, new_context
from worker.runtimes.llama.prompt import Prompter
from worker.runtimes.llama.sampler import Chain
from worker.runtimes.llama.template import CHATML, ChatTemplate
from worker.runtimes.llama.vocabulary import Vocabulary

_SCORES = 64
_STAND_IN = 0
"""The token that a slot in a gap is fed and forgets again: any will do."""


@dataclass(slots=True)
class _Slot:
    chain: Chain
    top_logprobs: int | None


class LlamaRuntime:
    """A ``ChatRuntime`` on llama.cpp; ``threads`` 0 means every core that the process may use.

    Every slot can be fed up to ``guesses`` guessed tokens at once.
    """

    def __init__(
        self,
        path: Path,
        *,
        slots: int,
        context: int,
        threads: int = 0,
        device: str = "cpu",
        guesses: int = 0,
    ) -> None:
        library.start()
        library.forget_log()
        self._model = load(path, device=device)
        outputs = max(slots * (1 + guesses), _SCORES)
        try:
            self._context = new_context(
                self._model, path, slots=slots, context=context, threads=threads, outputs=outputs
            )
        except LoadFailed:
            llama_cpp.llama_model_free(self._model)
            raise
        self._memory = Memory(self._context, slots)
        self._slots: list[_Slot | None] = [None] * slots
        self._per_slot = context
        self._guesses = guesses
        self._outputs = outputs
        self._batch_tokens = most_fed(slots, context)
        self._batch = Batch(self._batch_tokens + slots, slots)
        self._scored: dict[int, list[Scored]] = {}
        # Per slot, the logits after the last token that was scored: they tell of the next one.
        self._score_from: dict[int, logits.Rows] = {}
        self._stand_ins: list[int] = []
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        self._candidates = Candidates(self._vocabulary.size)
        source = llama_cpp.llama_model_chat_template(self._model, None)
        self._template = source.decode("utf-8", "replace") if source else ""
        self._watcher: waiting.Watcher | None = None
        try:
            self._prompter = Prompter(self._chat_template(), self._vocabulary)
            self._warm_up()
        except (LoadFailed, DecodeFailed) as error:
            self.shutdown()
            raise LoadFailed(f"{path}: {error}") from error
        self._watcher = waiting.watch(threads or cores())

    @property
    def slots(self) -> int:
        """How many sequences can be open at once."""
        return len(self._slots)

    @property
    def context(self) -> int:
        """Most tokens, prompt and answer together, that one slot holds."""
        return self._per_slot

    @property
    def batch_tokens(self) -> int:
        """Most tokens over all feeds of one ``decode`` call."""
        return self._batch_tokens

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""
        return self._vocabulary.size

    @property
    def guesses(self) -> int:
        """Most guessed tokens that one feed may hold; 0 when the runtime takes none."""
        return self._guesses if self._memory.divisible else 0

    @property
    def scores(self) -> int:
        """Most tokens that are ``scored`` in one call, over all feeds."""
        return _SCORES

    @property
    def opening(self) -> tuple[int, ...]:
        """What the model wants before any text that it completes; often one token, or none."""
        return (self._vocabulary.bos,) if self._vocabulary.adds_bos else ()

    @property
    def template(self) -> str:
        """Source of the model's chat template, empty when it has none."""
        return self._template

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """The conversation through the model's own chat template, as token ids."""
        return self._prompter.tokens(messages, tools)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of plain text; with ``special``, markup in it becomes control tokens."""
        return self._vocabulary.tokenize(text, special=special)

    def piece(self, token: int) -> bytes:
        """The token's bytes, perhaps half a character; empty for control tokens."""
        return self._vocabulary.piece(token)

    def ends(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        return token in self._vocabulary.end_tokens

    def open(
        self,
        slot: int,
        sampling: Sampling,
        history: Sequence[int] = (),
        *,
        seed: int,
        top_logprobs: int | None = None,
        ban_end: bool = False,
    ) -> None:
        """Make a closed ``slot`` ready; sampling that cannot be computed is a ``ValueError``."""
        if self._slots[slot] is not None:
            raise ValueError(f"slot {slot} is already open")
        chain = Chain(
            sampling,
            self._vocabulary,
            history,
            context=self._per_slot,
            seed=seed,
            ban_end=ban_end,
        )
        self._slots[slot] = _Slot(chain, top_logprobs)

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot's memory to its first ``tokens`` tokens; how many are left."""
        self._score_from.pop(slot, None)
        return self._memory.keep(slot, tokens)

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` of ``source``'s memory; how many it has now."""
        self._score_from.pop(target, None)
        return self._memory.copy(source, target, tokens)

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one."""
        self._scored = {}
        if not feeds:
            return []
        self._lay_out(feeds)
        self._compute()
        for feed in feeds:
            self._memory.lengths[feed.slot] += len(feed.tokens)
        for slot in self._stand_ins:
            self._memory.forget_after(slot)
        return self._draw(feeds)

    def scored(self) -> dict[int, list[Scored]]:
        """Per slot fed with ``scored`` in the last ``decode``: how likely its tokens were."""
        return self._scored

    def close(self, slot: int) -> None:
        """Forget the slot's sampler, not its memory; closing a closed slot does nothing."""
        state = self._slots[slot]
        if state is not None:
            self._slots[slot] = None
            state.chain.close()

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
        if self._watcher:
            self._watcher.stop()
        for slot in range(len(self._slots)):
            self.close(slot)
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _lay_out(self, feeds: Sequence[Feed]) -> None:
        """Fill the batch in the order of the slots: any other order splits it."""
        by_slot = {feed.slot: feed for feed in feeds}
        if len(by_slot) < len(feeds):
            raise ValueError("a slot can be fed once per call")
        for feed in feeds:
            self._check(feed)
        if sum(len(feed.tokens) for feed in feeds) > self._batch_tokens:
            raise ValueError(f"a batch holds {self._batch_tokens} tokens")
        fed = sorted(by_slot)
        idle = gaps(fed) if self._memory.divisible else []
        self._stand_ins = [s for s in idle if self._memory.lengths[s] < self._per_slot]
        self._batch.clear()
        for slot in sorted([*fed, *self._stand_ins]):
            position = self._memory.lengths[slot]
            if slot in by_slot:
                feed = by_slot[slot]
                self._batch.add(slot, feed.tokens, position, outputs=_outputs(feed))
            else:
                self._batch.add(slot, (_STAND_IN,), position, outputs=0)

    def _check(self, feed: Feed) -> None:
        if self._slots[feed.slot] is None:
            raise ValueError(f"slot {feed.slot} is not open")
        length = self._memory.lengths[feed.slot] + len(feed.tokens)
        if not feed.tokens or length > self._per_slot:
            raise ValueError(f"slot {feed.slot} holds 1 to {self._per_slot} tokens, not {length}")

    def _compute(self) -> None:
        if self._watcher:
            self._watcher.computing()
        library.forget_log()
        code = llama_cpp.llama_decode(self._context, self._batch.handle)
        if code == 1:
            raise DecodeFailed(
                f"the cache has no room for {self._batch.used} more tokens: {library.reason()}"
            )
        if code:
            raise DecodeFailed(f"llama_decode failed with code {code}: {library.reason()}")

    def _draw(self, feeds: Sequence[Feed]) -> list[Sampled]:
        count = len(self._batch.outputs)
        if not count:
            return []
        rows = logits.view(self._context, count, self._vocabulary.size)
        first = 0
        rows_of: dict[int, logits.Rows] = {}
        for feed in sorted(feeds, key=lambda feed: feed.slot):
            rows_of[feed.slot] = rows[first : (first := first + _outputs(feed))]
        drawn: list[Sampled] = []
        for feed in feeds:
            if feed.scored:
                self._score(feed, rows_of[feed.slot])
            if feed.sample:
                drawn.extend(self._draw_from(feed, rows_of[feed.slot][-1 - feed.guessed :]))
        return drawn

    def _draw_from(self, feed: Feed, rows: logits.Rows) -> list[Sampled]:
        """One token after each guess that holds; the memory of the others is removed."""
        guesses = list(feed.tokens[len(feed.tokens) - feed.guessed :])
        drawn: list[Sampled] = []
        for row in rows:
            drawn.append(self._draw_one(feed, row))
            if drawn[-1].fault or len(drawn) > len(guesses):
                break
            if drawn[-1].token != guesses[len(drawn) - 1]:
                break
        if wrong := feed.guessed - (len(drawn) - 1):
            self._memory.lengths[feed.slot] -= wrong
            self._memory.forget_after(feed.slot)
        return drawn

    def _draw_one(self, feed: Feed, row: logits.Rows) -> Sampled:
        state = self._slots[feed.slot]
        assert state is not None
        if fault := logits.fault(row):
            return Sampled(feed.slot, -1, fault=fault)
        if state.top_logprobs is None:
            return Sampled(feed.slot, state.chain.draw(row, self._candidates, feed.mask))
        told = row.copy()  # the draw changes the row, and the model's own view of it is wanted
        token = state.chain.draw(row, self._candidates, feed.mask)
        logprob, top = logits.logprobs(told, token, state.top_logprobs)
        return Sampled(feed.slot, token, logprob, top)

    def _score(self, feed: Feed, rows: logits.Rows) -> None:
        state = self._slots[feed.slot]
        assert state is not None
        before = self._score_from.get(feed.slot)
        found: list[Scored] = []
        for token, row in zip(feed.tokens, rows, strict=True):
            if before is None:
                found.append(Scored(token, None))
            else:
                found.append(
                    Scored(token, *logits.logprobs(before, token, state.top_logprobs or 0))
                )
            before = row
        self._scored[feed.slot] = found
        self._score_from[feed.slot] = np.array(rows[-1])

    def _chat_template(self) -> ChatTemplate:
        return ChatTemplate(
            self._template or CHATML, bos=self._vocabulary.bos_text, eos=self._vocabulary.eos_text
        )

    def _warm_up(self) -> None:
        """Compute one batch, so that a build that crashes does it now, and pages are read in."""
        self._batch.clear()
        self._batch.add(0, [0, 0], 0, outputs=1)
        self._compute()
        if fault := logits.fault(logits.view(self._context, 1, self._vocabulary.size)[0]):
            raise DecodeFailed(fault)
        self._memory.probe()


def _outputs(feed: Feed) -> int:
    if feed.scored:
        return len(feed.tokens)
    return 1 + feed.guessed if feed.sample else 0
