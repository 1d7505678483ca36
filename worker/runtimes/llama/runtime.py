"""One model in one context of llama.cpp, its sequences advanced together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from tasks.jobs import Message, Sampling
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.errors import DecodeFailed, LoadFailed
from worker.runtimes.llama import library, logits
from worker.runtimes.llama.batch import Batch
from worker.runtimes.llama.prompt import Prompter
from worker.runtimes.llama.sampler import Chain
from worker.runtimes.llama.template import CHATML, ChatTemplate
from worker.runtimes.llama.vocabulary import Vocabulary

_BATCH_TOKENS = 2048
_MICRO_BATCH_TOKENS = 512


@dataclass(slots=True)
class _Slot:
    chain: Chain
    top_logprobs: int | None
    length: int = 0


class LlamaRuntime:
    """A ``ChatRuntime`` on llama.cpp; ``threads`` 0 means every core that the process may use."""

    def __init__(
        self, path: Path, *, slots: int, context: int, threads: int = 0, device: str = "cpu"
    ) -> None:
        library.start()
        library.forget_log()
        if device != "cpu" and not llama_cpp.llama_supports_gpu_offload():
            raise LoadFailed(
                f"{path} is to run on {device!r}, and this build of llama.cpp knows only the cpu: "
                "install a build for that device, or set device = 'cpu'"
            )
        self._model = _load(path, gpu=device != "cpu")
        try:
            self._context = _new_context(self._model, path, slots, context, threads or _cores())
        except LoadFailed:
            llama_cpp.llama_model_free(self._model)
            raise
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._slots: list[_Slot | None] = [None] * slots
        self._per_slot = context
        self._batch_tokens = min(_BATCH_TOKENS, slots * context)
        self._batch = Batch(self._batch_tokens, slots)
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        try:
            self._prompter = Prompter(self._template(), self._vocabulary)
            self._warm_up()
        except (LoadFailed, DecodeFailed) as error:
            self.shutdown()
            raise LoadFailed(f"{path}: {error}") from error

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

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The conversation through the model's own chat template, as token ids."""
        return self._prompter.tokens(messages)

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
        """Make an empty ``slot`` ready; sampling that cannot be computed is a ``ValueError``."""
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

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one."""
        batch = self._batch
        batch.clear()
        fed: list[tuple[_Slot, Feed]] = []
        for feed in feeds:
            state = self._slots[feed.slot]
            if state is None:
                raise ValueError(f"slot {feed.slot} is not open")
            length = state.length + len(feed.tokens)
            if not feed.tokens or length > self._per_slot:
                raise ValueError(
                    f"slot {feed.slot} holds 1 to {self._per_slot} tokens, not {length}"
                )
            batch.add(feed.slot, feed.tokens, state.length, sample=feed.sample)
            fed.append((state, feed))
        if not fed:
            return []
        if len({feed.slot for feed in feeds}) < len(fed):
            raise ValueError("a slot can be fed once per call")
        self._compute()
        for state, feed in fed:
            state.length += len(feed.tokens)
        return self._draw([(state, feed) for state, feed in fed if feed.sample])

    def close(self, slot: int) -> None:
        """Forget the slot's tokens and sampler; closing a closed slot does nothing."""
        state = self._slots[slot]
        if state is None:
            return
        self._slots[slot] = None
        state.chain.close()
        llama_cpp.llama_memory_seq_rm(self._memory, slot, -1, -1)

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
        for slot in range(len(self._slots)):
            self.close(slot)
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _compute(self) -> None:
        library.forget_log()
        code = llama_cpp.llama_decode(self._context, self._batch.handle)
        if code == 1:
            raise DecodeFailed(
                f"the cache has no room for {self._batch.used} more tokens: {library.reason()}"
            )
        if code:
            raise DecodeFailed(f"llama_decode failed with code {code}: {library.reason()}")

    def _draw(self, sampled: Sequence[tuple[_Slot, Feed]]) -> list[Sampled]:
        if not sampled:
            return []
        rows = logits.view(self._context, len(sampled), self._vocabulary.size)
        logits.require_numbers(rows)
        drawn: list[Sampled] = []
        for row, place, (state, feed) in zip(rows, self._batch.outputs, sampled, strict=True):
            token = state.chain.draw(self._context, place)
            if state.top_logprobs is None:
                drawn.append(Sampled(feed.slot, token))
            else:
                logprob, top = logits.logprobs(row, token, state.top_logprobs)
                drawn.append(Sampled(feed.slot, token, logprob, top))
        return drawn

    def _template(self) -> ChatTemplate:
        source = llama_cpp.llama_model_chat_template(self._model, None)
        return ChatTemplate(
            source.decode("utf-8", "replace") if source else CHATML,
            bos=self._vocabulary.bos_text,
            eos=self._vocabulary.eos_text,
        )

    def _warm_up(self) -> None:
        """Compute one batch, so that a build that crashes does it now, and pages are read in."""
        self._batch.clear()
        self._batch.add(0, [0, 0], 0, sample=True)
        self._compute()
        logits.require_numbers(logits.view(self._context, 1, self._vocabulary.size))
        llama_cpp.llama_memory_clear(self._memory, True)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _load(path: Path, *, gpu: bool) -> llama_cpp.llama_model_p:
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = -1 if gpu else 0
    model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(
        os.fsencode(path), params
    )
    if not model:
        raise LoadFailed(f"{path} cannot be loaded: {library.reason()}")
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        llama_cpp.llama_model_free(model)
        raise LoadFailed(f"{path} is no causal language model: it cannot answer chats")
    return model


def _new_context(
    model: llama_cpp.llama_model_p, path: Path, slots: int, context: int, threads: int
) -> llama_cpp.llama_context_p:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = slots * context
    params.n_seq_max = slots
    params.n_batch = min(_BATCH_TOKENS, slots * context)
    params.n_ubatch = _MICRO_BATCH_TOKENS
    # Without it the logits of a whole micro-batch are reserved: 100 MB for 49,152 tokens.
    params.n_outputs_max = slots
    params.n_threads = threads
    params.n_threads_batch = threads
    params.no_perf = True
    # Separate caches want the slots of a batch in ascending, gapless order, or split it.
    params.kv_unified = True
    made: llama_cpp.llama_context_p | None = llama_cpp.llama_init_from_model(model, params)
    if not made:
        raise LoadFailed(
            f"{path}: no memory for {slots} slots of {context} tokens: {library.reason()}"
        )
    return made
