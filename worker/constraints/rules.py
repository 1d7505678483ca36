"""The one entrance for handlers: what a job asks of its answer, made ready for the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.errors import InvalidJob
from tasks.jobs import ChatJob, CompletionJob, Form, Message, Tool
from worker.constraints import gbnf, tool_grammar
from worker.constraints.forms import JSON_PARAM, SCHEMA_PARAM, Grammars
from worker.constraints.tool_reader import CallReader
from worker.constraints.tool_syntax import GENERIC, ToolSyntax, syntax_of
from worker.constraints.tool_turns import introduce
from worker.constraints.vocabulary import MOST_TOKENS, Tokens, Vocabulary
from worker.engine.constraint import Constraint, Reader

_FORM_PARAMS = {"json": JSON_PARAM, "schema": SCHEMA_PARAM, "gbnf": gbnf.PARAM}


class Model(Tokens, Protocol):
    """What is needed of a ``ChatRuntime``."""

    @property
    def template(self) -> str:
        """Source of the model's chat template, empty when it has none."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the runtime's ``prompt`` gets, and what makes the engine's parts for each choice."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    constrain: Callable[[], Constraint] | None = None
    read: Callable[[], Reader] | None = None


class Rules:
    """The rules that one model's answers can be held to; ``prepare`` may be called anywhere.

    The vocabulary is read at the first job that needs it: most models never see one.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._syntax = _readable(syntax_of(model.template), model)
        self._lock = threading.Lock()
        self._known: Grammars | None = None

    def prepare(self, job: ChatJob | CompletionJob) -> Prepared:
        """The job's rules; ``InvalidJob`` for those that this model's answers cannot keep."""
        if isinstance(job, CompletionJob):
            return Prepared((), (), self._form(job.form))
        if not job.tools or job.tool_choice == "none":
            return Prepared(self._turns(job), (), self._form(job.form))
        if job.form is not None:
            raise InvalidJob(
                "A response_format and tools that may be called exclude each other. Leave one "
                'out, or set tool_choice to "none".',
                param="response_format",
            )
        return self._with_tools(job)

    def _with_tools(self, job: ChatJob) -> Prepared:
        free = job.tool_choice == "auto"
        tools = {
            place: tool
            for place, tool in enumerate(job.tools)
            if job.tool_name in (None, tool.name)
        }
        if not tools:
            raise InvalidJob(
                f"tool_choice names {job.tool_name!r}, which is not among the tools.",
                param="tool_choice",
            )
        several = self._syntax.several and job.parallel_tool_calls and job.tool_name is None
        constrain = self._calls(tools, free=free, several=several)
        syntax, names = self._syntax, [tool.name for tool in tools.values()]
        return Prepared(
            self._turns(job, tuple(tools.values()), several=several),
            job.tools if syntax.native else (),
            constrain,
            lambda: CallReader(syntax, names, silent=not free),
        )

    def _calls(
        self, tools: Mapping[int, Tool], *, free: bool, several: bool
    ) -> Callable[[], Constraint] | None:
        written = tool_grammar.to_lark(self._syntax, tools, free=free, several=several)
        if free and not self._can_constrain:
            return None
        param = tool_grammar.PARAM if free else "tool_choice"
        return self._grammars(param).compiled(written, param=tool_grammar.PARAM)

    def _form(self, form: Form | None) -> Callable[[], Constraint] | None:
        return None if form is None else self._grammars(_FORM_PARAMS[form.kind]).of(form)

    def _turns(
        self, job: ChatJob, tools: Sequence[Tool] = (), *, several: bool = True
    ) -> tuple[Message, ...]:
        if self._syntax.native:
            return job.messages
        return introduce(job.messages, tools, job.tool_choice, name=job.tool_name, several=several)

    @property
    def _can_constrain(self) -> bool:
        return self._model.vocabulary <= MOST_TOKENS

    def _grammars(self, param: str) -> Grammars:
        if not self._can_constrain:
            raise InvalidJob(
                "This model's answers cannot be held to a form: its tokens are too many. Use "
                "another model.",
                param=param,
            )
        with self._lock:
            if self._known is None:
                self._known = Grammars(Vocabulary(self._model))
            return self._known


def _readable(syntax: ToolSyntax, model: Model) -> ToolSyntax:
    """The generic syntax where the native one's markers are control tokens, which have no text."""
    for marker in filter(None, (syntax.marker, syntax.end_marker)):
        if any(not model.piece(token) for token in model.tokenize(marker, special=True)):
            return GENERIC
    return syntax
