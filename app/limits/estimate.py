"""How many tokens a job may need, before anybody has counted. Pure.

The estimate is taken from a key's budget until the job ends, and then set right. It should be near,
and need not be above: what was too little is taken later.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.openai.sizes import conversation_bytes, utf8_bytes
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job

# English text has about four bytes a token.
BYTES_PER_TOKEN = 4
# A picture is some dozens to some hundreds; only its model's projector knows.
IMAGE_TOKENS = 256
# What an answer is taken for whose length nobody limited.
ANSWER_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Estimate:
    """``prompt`` and ``asked`` are what the request names itself; ``more`` is a guess."""

    prompt: int
    asked: int = 0
    more: int = 0

    @property
    def named(self) -> int:
        """What it needs by its own words."""
        return self.prompt + self.asked

    @property
    def tokens(self) -> int:
        """All of it."""
        return self.named + self.more


def estimate(job: Job, context: int) -> Estimate:
    """What ``job`` may need of a model with so much context a slot."""
    match job:
        case EmbedJob():
            return Estimate(_texts(job.texts) + _ids(job.tokens))
        case CompletionJob():
            prompts = len(job.texts) + len(job.tokens)
            return _generated(_texts(job.texts) + _ids(job.tokens), prompts, job, context)
        case ChatJob():
            return _generated(_conversation(job), 1, job, context)


def _generated(prompt: int, prompts: int, job: ChatJob | CompletionJob, context: int) -> Estimate:
    answers = prompts * job.n
    if job.max_tokens is None:
        return Estimate(prompt, more=answers * min(ANSWER_TOKENS, context))
    # An answer ends where the context does, whatever was asked for.
    return Estimate(prompt, asked=answers * min(job.max_tokens, context))


def _conversation(job: ChatJob) -> int:
    pictures = sum(len(message.images) for message in job.messages)
    tools = sum(
        utf8_bytes(tool.name) + utf8_bytes(tool.description) + utf8_bytes(tool.parameters)
        for tool in job.tools
    )
    return _tokens(conversation_bytes(job.messages) + tools) + pictures * IMAGE_TOKENS


def _texts(texts: tuple[str, ...]) -> int:
    return sum(_tokens(utf8_bytes(text)) for text in texts)


def _ids(prompts: tuple[tuple[int, ...], ...]) -> int:
    return sum(map(len, prompts))


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)
