"""What is asked: the same of every contender."""

from __future__ import annotations

import json

from tasks.jobs import ChatJob, Message, Sampling, new_id

CHAT_MODEL = "smollm2-135m"
ONE_THREAD_MODEL = "smollm2-135m-1-thread"
TWIN = "-twin"
EMBED_MODEL = "minilm-l6"
ECHO_MODEL = "echo"

STREAMS = (1, 8)
NEW_TOKENS = 128
WARM_UP_TOKENS = 16
# Where two models generate at once, which may be a hundred times slower.
TWIN_TOKENS = 16

# Short enough to be three tokens of the echo model.
ECHO_TEXT = "Hi, mill!"
EMBED_TEXTS = 256

_SUBJECTS = ("mill", "river", "storm", "harbour", "violin", "forest", "railway", "lighthouse")


def conversation(number: int) -> tuple[Message, ...]:
    """About 40 tokens with the model's template around it; neighbours differ."""
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    return (Message("user", f"Write a long story about a {subject}, told by its keeper."),)


def chat_jobs(streams: int, tokens: int = NEW_TOKENS) -> list[ChatJob]:
    """One job per stream; at one stream two, one after the other, for a steadier figure."""
    return [
        ChatJob(
            id=new_id(),
            model=CHAT_MODEL,
            messages=conversation(number),
            sampling=Sampling(temperature=0.8, top_k=40, top_p=0.95, seed=number),
            max_tokens=tokens,
            ignore_eos=True,
        )
        for number in range(max(streams, 2))
    ]


def chat_bodies(streams: int, model: str = CHAT_MODEL, tokens: int = NEW_TOKENS) -> list[str]:
    """The same jobs as requests for streams."""
    return [
        json.dumps(
            {
                "model": model,
                "messages": [{"role": m.role, "content": m.content} for m in job.messages],
                "temperature": job.sampling.temperature,
                "top_k": job.sampling.top_k,
                "top_p": job.sampling.top_p,
                "seed": job.sampling.seed,
                "max_tokens": tokens,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        for job in chat_jobs(streams)
    ]


def echo_body(*, stream: bool) -> str:
    """A request that costs no computing."""
    return json.dumps(
        {
            "model": ECHO_MODEL,
            "messages": [{"role": "user", "content": ECHO_TEXT}],
            "stream": stream,
        }
    )


def texts(number: int = EMBED_TEXTS) -> list[str]:
    """Sentences of some 20 tokens, no two alike."""
    return [
        f"The {_SUBJECTS[index % len(_SUBJECTS)]} number {index} stands where the old road meets"
        " the water, and nobody knows who built it."
        for index in range(number)
    ]


def embed_body(inputs: list[str]) -> str:
    """A request as OpenAI's own client sends it: vectors as base64."""
    return json.dumps({"model": EMBED_MODEL, "input": inputs, "encoding_format": "base64"})
