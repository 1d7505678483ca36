"""A compiled grammar, and the walk of one answer through it."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher, LLParserLimits
from numpy.typing import NDArray

from tasks.errors import InvalidJob
from worker.constraints.vocabulary import Vocabulary

_TRIAL_STEPS = 8
_LIMITS = LLParserLimits(
    max_items_in_row=2_000,
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=200_000,
    # One character is one lexeme in a GBNF grammar: a string's mask visits the whole trie.
    step_max_items=200_000,
    max_lexer_states=50_000,
    max_grammar_size=200_000,
    verbose_errors=False,
)


class Grammar:
    """A grammar that the library took; ``walk`` may be called from any thread.

    Raises ``InvalidJob`` that names ``param`` for a grammar that the library refuses, that is
    too large, or that no answer can begin.
    """

    def __init__(self, source: str, vocabulary: Vocabulary, *, param: str) -> None:
        self._vocabulary = vocabulary
        self._param = param
        self._matcher = _compiled(source, vocabulary, param)
        self._try_out()

    def walk(self) -> Walk:
        """The beginning of an answer."""
        return Walk(self._matcher.deep_copy(), self._vocabulary, param=self._param)

    def _try_out(self) -> None:
        """Take the first steps of some answer: most of what is too much shows there."""
        walk = self.walk()
        ends = set(self._vocabulary.ends)
        for _ in range(_TRIAL_STEPS):
            allowed = np.flatnonzero(walk.mask())
            token = next((int(each) for each in allowed if int(each) not in ends), None)
            if token is None:
                return
            walk.accept(token)


class Walk:
    """A ``Constraint``: where one answer is in its grammar."""

    def __init__(self, matcher: LLMatcher, vocabulary: Vocabulary, *, param: str) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._ends = frozenset(vocabulary.ends)
        self._param = param
        self._ended = False

    def mask(self) -> NDArray[np.bool_]:
        """One truth value per token: may it come next?"""
        if self._ended or self.complete:
            return self._vocabulary.only_ends()
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        mask = np.unpackbits(bits, count=self._vocabulary.size, bitorder="little")
        return mask.view(np.bool_)

    def accept(self, token: int) -> None:
        """The token was drawn; raises ``InvalidJob`` when the grammar does not have it here."""
        if token in self._ends:
            if not self._matcher.is_accepting():
                raise self._refused("the answer ends before it is whole")
            self._ended = True
        elif self._ended or not self._matcher.consume_token(token):
            self._check()
            raise self._refused(f"token {token} has no place here")

    @property
    def complete(self) -> bool:
        """Whether the answer is whole and nothing but its end may follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise self._refused(_first_line(self._matcher.get_error()))

    def _refused(self, reason: str) -> InvalidJob:
        return InvalidJob(
            f"The answer cannot go on in its grammar: {reason}. Ask for something simpler.",
            param=self._param,
        )


def _compiled(source: str, vocabulary: Vocabulary, param: str) -> LLMatcher:
    try:
        matcher = LLMatcher(vocabulary.tokenizer, source, log_level=0, limits=_LIMITS)
    except BaseException as error:
        # A panic inside the library arrives as a BaseException that cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InvalidJob(f"The grammar cannot be compiled: {error}", param=param) from error
    problems = [matcher.get_error()] if matcher.is_error() else matcher.get_grammar_warnings()
    if problems:
        raise InvalidJob(f"The grammar is refused: {_told(problems[0])}.", param=param)
    return matcher


def _told(problem: str) -> str:
    # The library's advice here is an option that no client has.
    if problem.startswith("oneOf"):
        return "oneOf is enforced where type or const keep its schemas apart; else write anyOf"
    return _first_line(problem)


def _first_line(text: str) -> str:
    return " ".join(text.partition("<non-verbose/>")[0].split())[:300].rstrip(". ")
