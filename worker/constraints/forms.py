"""Forms that an answer must have, compiled for one model's vocabulary and remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from llguidance import LLMatcher

from tasks.errors import InvalidJob
from tasks.jobs import Form
from worker.constraints import gbnf, schema
from worker.constraints.json_layout import LAID_OUT, with_layout
from worker.constraints.matching import Grammar, Walk
from worker.constraints.vocabulary import Vocabulary

JSON_PARAM = "response_format"
SCHEMA_PARAM = "response_format.json_schema.schema"
_REMEMBERED = 32


class Grammars:
    """Compiled grammars of one model; any method may be called from any thread."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[str, str], Grammar] = OrderedDict()

    def of(self, form: Form) -> Callable[[], Walk]:
        """What makes a constraint for one choice; raises ``InvalidJob`` for an unfit form."""
        if len(form.source) > schema.MOST_CHARACTERS:
            raise InvalidJob(
                f"The {form.kind} has {len(form.source)} characters; {schema.MOST_CHARACTERS} are "
                "read. Shorten it.",
                param=gbnf.PARAM if form.kind == "gbnf" else SCHEMA_PARAM,
            )
        if form.kind == "gbnf":
            return self.compiled(gbnf.to_lark(form.source), param=gbnf.PARAM)
        if form.kind == "json":
            return self.compiled(_of_schema({"type": "object"}), param=JSON_PARAM)
        return self.compiled(
            _of_schema(schema.read(form.source, param=SCHEMA_PARAM)), param=SCHEMA_PARAM
        )

    def compiled(self, source: str, *, param: str) -> Callable[[], Walk]:
        """The grammar in the library's own notation, compiled unless it was of late."""
        key = (source, param)
        with self._lock:
            if (known := self._remembered.get(key)) is not None:
                self._remembered.move_to_end(key)
                return known.walk
        grammar = Grammar(source, self._vocabulary, param=param)
        with self._lock:
            self._remembered[key] = grammar
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return grammar.walk


def _of_schema(wanted: schema.Schema) -> str:
    try:
        return LLMatcher.grammar_from_json_schema(with_layout(wanted, LAID_OUT))
    except ValueError as error:
        raise InvalidJob(
            f"The JSON Schema cannot be enforced: {error}.", param=SCHEMA_PARAM
        ) from error
