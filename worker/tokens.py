"""Questions about tokens (``tasks.questions``), answered from a model's runtime alone."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import InvalidJob
from tasks.questions import Answer, Detokenize, Question, Text, TokenizeChat, TokenizeText, Tokens
from worker.runtimes.base import ChatRuntime, EmbedRuntime


def of_chat(runtime: ChatRuntime, question: Question) -> Answer:
    """The answer of a chat model; called from another thread than the engine's."""
    match question:
        case TokenizeText():
            ids = runtime.tokenize(question.text, special=question.parse_special)
            if question.add_special:
                ids = [*runtime.opening, *ids]
        case TokenizeChat():
            ids = runtime.prompt(question.messages, question.tools)
        case Detokenize():
            _check_ids(question.tokens, runtime.vocabulary)
            data = b"".join(map(runtime.piece, question.tokens))
            return Text(data.decode("utf-8", "replace"))
    return Tokens(tuple(ids), tuple(map(runtime.piece, ids)))


def of_embedding(runtime: EmbedRuntime, question: Question) -> Answer:
    """The answer of an embedding model, which reads texts and writes none."""
    match question:
        case TokenizeText():
            return Tokens(tuple(runtime.tokenize([question.text])[0]))
        case TokenizeChat():
            raise InvalidJob("The model makes embeddings and has no chat.", param="messages")
        case Detokenize():
            raise InvalidJob(
                "The model makes embeddings and cannot turn tokens into text.", param="model"
            )


def _check_ids(tokens: Sequence[int], vocabulary: int) -> None:
    for index, token in enumerate(tokens):
        if token >= vocabulary:
            raise InvalidJob(
                f"tokens[{index}] is {token}; the model's last token is {vocabulary - 1}.",
                param=f"tokens[{index}]",
            )
