"""Questions: what the API asks a model's worker beside the queue, and what it is answered.

Celery's remote control carries them. It is a broadcast, and no place for what a client wrote: a
question lies under a key of its own for a few seconds, the command names the key, and the answer
takes the question's place there. A question is asked of one worker and is not asked again.
"""

from __future__ import annotations

import msgspec

from tasks.jobs import Message, Tool

QUESTION_TTL_MS = 10_000


class TokenizeText(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """Which tokens is ``text``?

    ``add_special``: with what the model has before a prompt; an embedding model's markers are
    always there. ``parse_special``: markup in the text stands for control tokens.
    """

    text: str
    add_special: bool = False
    parse_special: bool = False


class TokenizeChat(msgspec.Struct, frozen=True, omit_defaults=True, tag="chat"):
    """Which tokens is the conversation, through the model's own template?"""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


class Detokenize(msgspec.Struct, frozen=True, omit_defaults=True, tag="ids"):
    """Which text do the token ids stand for?"""

    tokens: tuple[int, ...]


Question = TokenizeText | TokenizeChat | Detokenize


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True, tag="tokens"):
    """Token ids; where the model can tell, the bytes of each, perhaps half a character."""

    ids: tuple[int, ...]
    pieces: tuple[bytes, ...] = ()


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag="told"):
    """The text of token ids; bytes that are no character are replaced."""

    text: str


Answer = Tokens | Text

_encoder = msgspec.msgpack.Encoder()
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(
    TokenizeText | TokenizeChat | Detokenize
)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Tokens | Text)

encode = _encoder.encode
decode_question = _questions.decode
decode_answer = _answers.decode
