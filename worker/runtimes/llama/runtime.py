"""One model in one context of llama.cpp, its sequences advanced together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import llama_cpp

from tasks.jobs import Message, Sampling, Tool
from tasks.model import KvType
from worker.runtimes.base import Feed, Picture, Sampled, Scored
from worker.runtimes.errors import DecodeFailed, LoadFailed, RuntimeFault
from worker.runtimes.llama import library, logits, waiting
from worker.runtimes.llama.batch import Batch
from worker.runtimes.llama.memory import Memory, gaps
from worker.runtimes.llama.opening import cores, load, most_fed, new_context
from worker.runtimes.llama.prompt import Prompter
from worker.runtimes.llama.samplers import Samplers
from worker.runtimes.llama.scores import Scores
from worker.runtimes.llama.template import CHATML, ChatTemplate
from worker.runtimes.llama.vocabulary import Vocabulary

if TYPE_CHECKING:
    from worker.runtimes.llama.eyes import Eyes

_SCORES = 64
_STAND_IN = 0
"""The token that a slot in a gap is fed and forgets again: any will do."""


class LlamaRuntime:
    """A ``ChatRuntime`` on llama.cpp; ``threads`` 0 means every core that the process may use.

    Every slot can be fed up to ``guesses`` guessed tokens at once. With ``mmproj`` it sees.
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
        n_gpu_layers: int = -1,
        kv_type: KvType = "f16",
        flash_attention: bool | None = None,
        progress: Callable[[float], object] | None = None,
        mmproj: Path | None = None,
    ) -> None:
        library.start()
        library.forget_log()
        self._model = load(path, device=device, n_gpu_layers=n_gpu_layers, progress=progress)
        outputs = max(slots * (1 + guesses), _SCORES)
        try:
            self._context = new_context(
                self._model,
                path,
                slots=slots,
                context=context,
                threads=threads,
                outputs=outputs,
                kv_type=kv_type,
                flash_attention=flash_attention,
            )
        except LoadFailed:
            llama_cpp.llama_model_free(self._model)
            raise
        self._memory = Memory(self._context, slots)
        self._per_slot = context
        self._guesses = guesses
        self._batch_tokens = most_fed(slots, context)
        self._batch = Batch(self._batch_tokens + slots, slots)
        self._scores = Scores()
        self._stand_ins: list[int] = []
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        self._samplers = Samplers(slots, self._vocabulary, context=context)
        source = llama_cpp.llama_model_chat_template(self._model, None)
        self._template = source.decode("utf-8", "replace") if source else ""
        self._watcher: waiting.Watcher | None = None
        self._eyes: Eyes | None = None
        try:
            if mmproj is not None:
                self._eyes = self._opened_eyes(mmproj, threads or cores(), gpu=device != "cpu")
            see = self._eyes.sight.ids if self._eyes else None
            template = ChatTemplate(
                self._template or CHATML,
                bos=self._vocabulary.bos_text,
                eos=self._vocabulary.eos_text,
            )
            self._prompter = Prompter(template, self._vocabulary, see)
            self._warm_up()
        except RuntimeFault as error:
            self.shutdown()
            raise LoadFailed(f"{path}: {error}") from error
        self._watcher = waiting.watch(threads or cores())

    @property
    def slots(self) -> int:
        """How many sequences can be open at once."""
        return len(self._samplers)

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

    @property
    def sees(self) -> bool:
        """Whether messages may hold images."""
        return self._eyes is not None

    @property
    def whole_pictures(self) -> bool:
        """Whether all positions of a picture's piece must come in one feed."""
        return self._eyes is not None and self._eyes.sight.whole

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """The conversation through the model's own chat template, as token ids."""
        return self._prompter.tokens(messages, tools)

    def pictures(self, messages: Sequence[Message]) -> tuple[Picture, ...]:
        """What the images in ``messages`` show, for ``open``; each picture once."""
        return self._eyes.sight.pictures(messages) if self._eyes else ()

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
        pictures: Sequence[Picture] = (),
    ) -> None:
        """Make a closed ``slot`` ready; sampling that cannot be computed is a ``ValueError``."""
        self._samplers.open(
            slot, sampling, history, seed=seed, top_logprobs=top_logprobs, ban_end=ban_end
        )
        if self._eyes:
            self._eyes.open(slot, pictures)

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot's memory to its first ``tokens`` tokens; how many are left."""
        self._scores.forget(slot)
        return self._memory.keep(slot, tokens)

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` of ``source``'s memory; how many it has now."""
        self._scores.forget(target)
        return self._memory.copy(source, target, tokens)

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one."""
        self._scores.begin()
        self._check(feeds)
        if self._eyes and any(feed.tokens[0] < 0 for feed in feeds):
            return self._decode_seeing(self._eyes, feeds)
        return self._decode_text(feeds)

    def scored(self) -> dict[int, list[Scored]]:
        """Per slot fed with ``scored`` in the last ``decode``: how likely its tokens were."""
        return self._scores.told

    def close(self, slot: int) -> None:
        """Forget the slot's sampler, not its memory; closing a closed slot does nothing."""
        self._samplers.close(slot)
        if self._eyes:
            self._eyes.close(slot)

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
        if self._watcher:
            self._watcher.stop()
        for slot in range(self.slots):
            self.close(slot)
        if self._eyes:
            self._eyes.sight.close()
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _decode_seeing(self, eyes: Eyes, feeds: Sequence[Feed]) -> list[Sampled]:
        """What is seen first, each picture by itself, and then all text together."""
        seeing = [feed for feed in feeds if feed.tokens[0] < 0]
        for feed in seeing:
            eyes.check(feed)
        drawn: dict[int, list[Sampled]] = {}
        for feed in seeing:
            drawn[feed.slot] = []
            try:
                eyes.feed(feed, self._compute)
            except DecodeFailed as error:
                # Nothing else was computed yet: the slots of text are as they were.
                raise DecodeFailed(str(error), slots=tuple(drawn)) from error
            if feed.sample:
                row = logits.view(self._context, 1, self._vocabulary.size)
                drawn[feed.slot] = self._draw_from(feed, row)
        for sampled in self._decode_text([feed for feed in feeds if feed.tokens[0] >= 0]):
            drawn.setdefault(sampled.slot, []).append(sampled)
        return [sampled for feed in feeds for sampled in drawn.get(feed.slot, ())]

    def _decode_text(self, feeds: Sequence[Feed]) -> list[Sampled]:
        if not feeds:
            return []
        self._lay_out(feeds)
        self._compute(self._batch.handle)
        for feed in feeds:
            self._memory.lengths[feed.slot] += len(feed.tokens)
        for slot in self._stand_ins:
            self._memory.forget_after(slot)
        return self._draw(feeds)

    def _lay_out(self, feeds: Sequence[Feed]) -> None:
        """Fill the batch in the order of the slots: any other order splits it."""
        by_slot = {feed.slot: feed for feed in feeds}
        fed = sorted(by_slot)
        idle = gaps(fed) if self._memory.divisible else []
        self._stand_ins = [s for s in idle if self._memory.lengths[s] < self._per_slot]
        self._batch.clear()
        for slot in sorted([*fed, *self._stand_ins]):
            position = self._memory.position(slot)
            if slot in by_slot:
                feed = by_slot[slot]
                self._batch.add(slot, feed.tokens, position, outputs=_outputs(feed))
            else:
                self._batch.add(slot, (_STAND_IN,), position, outputs=0)

    def _check(self, feeds: Sequence[Feed]) -> None:
        if len({feed.slot for feed in feeds}) < len(feeds):
            raise ValueError("a slot can be fed once per call")
        for feed in feeds:
            self._samplers.of(feed.slot)
            length = self._memory.lengths[feed.slot] + len(feed.tokens)
            if not feed.tokens or length > self._per_slot:
                raise ValueError(f"a slot holds 1 to {self._per_slot} tokens, not {length}")
        if sum(len(feed.tokens) for feed in feeds) > self._batch_tokens:
            raise ValueError(f"a batch holds {self._batch_tokens} tokens")

    def _compute(self, batch: llama_cpp.llama_batch) -> None:
        if self._watcher:
            self._watcher.computing()
        library.forget_log()
        code = llama_cpp.llama_decode(self._context, batch)
        if code == 1:
            raise DecodeFailed(
                f"the cache has no room for {batch.n_tokens} more tokens: {library.reason()}"
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
                top = self._samplers.of(feed.slot).top_logprobs or 0
                self._scores.add(feed.slot, feed.tokens, rows_of[feed.slot], top)
            if feed.sample:
                drawn.extend(self._draw_from(feed, rows_of[feed.slot][-1 - feed.guessed :]))
        return drawn

    def _draw_from(self, feed: Feed, rows: logits.Rows) -> list[Sampled]:
        """One token after each guess that holds; the memory of the others is removed."""
        drawn = self._samplers.draw(feed, rows)
        if wrong := feed.guessed - (len(drawn) - 1):
            self._memory.lengths[feed.slot] -= wrong
            self._memory.forget_after(feed.slot)
        return drawn

    def _opened_eyes(self, mmproj: Path, threads: int, *, gpu: bool) -> Eyes:
        try:
            # Imported here: a build may lack the part that sees, and few models need it.
            from worker.runtimes.llama.eyes import Eyes
            from worker.runtimes.llama.sight import Sight
        except (ImportError, OSError, RuntimeError) as error:
            raise LoadFailed(f"this build of llama.cpp cannot see: {error}") from error
        most = min(int(llama_cpp.llama_n_ubatch(self._context)), self._batch_tokens)
        sight = Sight(mmproj, self._model, threads=threads, gpu=gpu, most=most)
        return Eyes(sight, self._context, self._memory)

    def _warm_up(self) -> None:
        """Compute one batch, so that a build that crashes does it now, and pages are read in."""
        self._batch.clear()
        self._batch.add(0, [0, 0], 0, outputs=1)
        self._compute(self._batch.handle)
        if fault := logits.fault(logits.view(self._context, 1, self._vocabulary.size)[0]):
            raise DecodeFailed(fault)
        self._memory.probe()
        if self._eyes:
            self._eyes.sight.warm_up()


def _outputs(feed: Feed) -> int:
    if feed.scored:
        return len(feed.tokens)
    return 1 + feed.guessed if feed.sample else 0
