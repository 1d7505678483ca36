"""What is asked: of the same kind for every contender, and new every time where memory helps."""

from __future__ import annotations

import random
import secrets

from tasks.jobs import ChatJob, Message, Sampling, new_id

CHAT_MODEL = "smollm2-135m"
ONE_THREAD_MODEL = "smollm2-135m-1-thread"
LOOKUP_MODEL = "smollm2-135m-lookup"
TWIN = "-twin"
EMBED_MODEL = "minilm-l6"
ECHO_MODEL = "echo"

STREAMS = (1, 8, 16, 32)
LAYER_STREAMS = (1, 8)
NEW_TOKENS = 128
# Where many streams run, the whole takes long enough with shorter answers.
CROWD_TOKENS = 64
CROWD_ABOVE = 8
WARM_UP_TOKENS = 16
# Where two models generate at once, which may be a hundred times slower.
TWIN_TOKENS = 16

# Short enough to be three tokens of the echo model.
ECHO_TEXT = "Hi, mill!"

SAMPLING = Sampling(temperature=0.8, top_k=40, top_p=0.95)

_SUBJECTS = ("mill", "river", "storm", "harbour", "violin", "forest", "railway", "lighthouse")
# Each is one token of the chat model, with the blank before it.
_WORDS = (
    "water stone bridge winter summer garden letter window market morning evening captain doctor",
    "teacher island mountain village castle silver golden broken silent ancient narrow heavy",
    "bright gentle hungry wooden distant empty secret winds corn bread road wheel horse sheep",
    "keeper sailor farmer king queen table candle mirror basket hammer copper iron paper ink",
)


def new_tokens(streams: int) -> int:
    """Tokens of each answer when so many streams run."""
    return NEW_TOKENS if streams <= CROWD_ABOVE else CROWD_TOKENS


def conversation(number: int) -> tuple[Message, ...]:
    """About 40 tokens with the model's template around it; neighbours differ."""
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    return (Message("user", f"Write a long story about a {subject}, told by its keeper."),)


def chat_jobs(streams: int, tokens: int | None = None) -> list[ChatJob]:
    """One job per stream; at one stream two, one after the other, for a steadier figure."""
    return [
        ChatJob(
            id=new_id(),
            model=CHAT_MODEL,
            messages=conversation(number),
            sampling=Sampling(
                temperature=SAMPLING.temperature,
                top_k=SAMPLING.top_k,
                top_p=SAMPLING.top_p,
                seed=number,
            ),
            max_tokens=tokens or new_tokens(streams),
            ignore_eos=True,
            cache_prompt=False,
        )
        for number in range(max(streams, 2))
    ]


def new_seed() -> int:
    """A seed for one answer."""
    return secrets.randbits(31)


def new_words(number: int) -> str:
    """Words that nobody has seen in this order, from the first on: so many tokens."""
    draw = random.Random(secrets.randbits(64))
    return " ".join(draw.choices(" ".join(_WORDS).split(), k=number))


def new_texts(number: int) -> list[str]:
    """Sentences of some 28 tokens, no two alike, and none as any time before."""
    return [
        f"The {_SUBJECTS[index % len(_SUBJECTS)]} number {index} stands where the {words} "
        "meets the water, and nobody who lives there knows who built it."
        for index, words in enumerate(new_words(4) for _ in range(number))
    ]
