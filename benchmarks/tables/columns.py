"""Columns and words that several tables share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks import prompts
from benchmarks.measurement import Metric

OURS = "**Millrace, HTTP streaming**"
SAMPLING = "temperature 0.8, top-k 40, top-p 0.95, end of text ignored"
MODEL_HOW = (
    f"`{prompts.CHAT_MODEL}`, prompts of about 40 tokens, {prompts.NEW_TOKENS} new tokens each "
    f"({prompts.CROWD_TOKENS} from 16 streams on), {SAMPLING}. Tokens/s of all streams together, "
    "from the first request to the last token, prompts included."
)


def speeds(streams: Iterable[int]) -> Iterator[Metric]:
    """Tokens/s at every number of streams."""
    for number in streams:
        yield Metric(f"speed_{number}_per_s", f"tokens/s, {counted(number)}")


def first_tokens(streams: Iterable[int]) -> Iterator[Metric]:
    """Median time to first token at every number of streams."""
    for number in streams:
        yield Metric(f"ttft_{number}_ms", f"first token, {counted(number)}, ms")


def counted(streams: int) -> str:
    """``1 stream``, ``8 streams``."""
    return f"{streams} stream{'' if streams == 1 else 's'}"
