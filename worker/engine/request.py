"""What the engine is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tasks.errors import ContextLengthExceeded
from tasks.events import Finished
from tasks.jobs import Sampling
from worker.engine.constraint import Constraint, Reader
from worker.runtimes.base import Picture


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an earlier attempt left one choice: its tokens, and its end if it had ended."""

    ids: tuple[int, ...] = ()
    finished: Finished | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Prompts as token ids, and how each is to be answered ``n`` times.

    Choice ``i`` answers prompt ``i // n`` and draws with ``seed + i``. ``priority`` 0 goes first.
    ``pictures`` are those whose positions stand in the prompts.
    ``deadline_s`` is on the clock of ``time.monotonic``. ``constrain`` and ``read`` make what each
    choice has of its own. With ``echo``, one text per prompt, a choice begins with its prompt's
    text; ``max_tokens`` may then be 0.
    """

    id: str
    prompts: tuple[tuple[int, ...], ...]
    sampling: Sampling
    seed: int
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    top_logprobs: int | None = None
    ignore_eos: bool = False
    cache_prompt: bool = True
    priority: int = 0
    deadline_s: float | None = None
    constrain: Callable[[], Constraint] | None = None
    read: Callable[[], Reader] | None = None
    echo: tuple[str, ...] | None = None
    pictures: tuple[Picture, ...] = ()
    resume: Mapping[int, Resume] = field(default_factory=dict)

    @property
    def choices(self) -> int:
        """How many sequences answer it."""
        return self.n * len(self.prompts)

    @property
    def scored(self) -> bool:
        """Whether the log probabilities of the prompts' own tokens are wanted."""
        return self.echo is not None and self.top_logprobs is not None


def check_fits(
    prompt_tokens: int,
    max_tokens: int | None,
    context: int,
    param: str = "messages",
    *,
    seen: int = 0,
) -> None:
    """Raise ``ContextLengthExceeded``, with the counts, for what one slot cannot hold.

    ``seen`` of the prompt's tokens are what its images take.
    """
    images = f" ({seen} of them for the images)" if seen else ""
    if prompt_tokens >= context:
        raise ContextLengthExceeded(
            f"The prompt has {prompt_tokens} tokens{images}; the model's context is {context}"
            f" tokens, prompt and answer together. Shorten the {param}.",
            param=param,
        )
    if max_tokens is not None and prompt_tokens + max_tokens > context:
        raise ContextLengthExceeded(
            f"The prompt has {prompt_tokens} tokens{images} and the answer may have {max_tokens};"
            f" the model's context is {context} tokens, both together. Shorten the {param} or"
            " lower max_tokens.",
            param="max_tokens",
        )
