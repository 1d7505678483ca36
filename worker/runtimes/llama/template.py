"""The model's own chat template: messages to the text that it was trained on.

A template is code that came with the model's file. It runs in Jinja's sandbox, which keeps it from
the interpreter, and its output is bounded. Its running time is not: a file whose template loops
for ever is found when its first prompt never ends, and whoever added it to the catalog removes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.jobs import Message, Tool
from worker.runtimes.errors import InvalidPrompt, LoadFailed

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""For files without a template: the format that most small models have seen."""

Turns = list[dict[str, Any]]

_PROBE = "water"

_FIXED_CHARS = 64 * 1024
_CHARS_PER_CHAR = 8


class _Refused(Exception):
    """Raised by a template through ``raise_exception``, and where its output has no end."""


class _GenerationTag(Extension):
    """Hugging Face's ``{% generation %}``, which marks what training counts: read through."""

    tags = {"generation"}  # noqa: RUF012 (Jinja's own declaration)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """A compiled template; ``render`` may be called from any thread."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        # trim_blocks, lstrip_blocks and the two extensions are what templates are written for.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals.update(
            raise_exception=_refuse,
            strftime_now=lambda form: datetime.now().astimezone().strftime(form),
            bos_token=bos,
            eos_token=eos,
        )
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise LoadFailed(f"the model's chat template cannot be compiled: {error}") from error

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """The conversation as text that ends where the answer begins.

        Raises ``InvalidPrompt`` when the template refuses the messages, or writes far more than
        it was given.
        """
        return self.render_turns(turns_of(messages), functions_of(tools))

    def render_turns(self, turns: Turns, functions: Turns) -> str:
        """The same for what ``turns_of`` and ``functions_of`` made."""
        if self._wants_parts:
            turns = [turn | {"content": _parts(turn["content"])} for turn in turns]
        return self._rendered(turns, functions)

    @cached_property
    def _wants_parts(self) -> bool:
        """Whether messages come through only as lists of parts; found out at the first prompt."""
        return not self._shows(_PROBE) and self._shows(_parts(_PROBE))

    def _shows(self, content: Any) -> bool:
        try:
            return _PROBE in self._rendered([{"role": "user", "content": content}], [])
        except InvalidPrompt:
            return False

    def _rendered(self, turns: Turns, functions: Turns) -> str:
        # Indented as far as a template may indent it.
        most = _FIXED_CHARS + _CHARS_PER_CHAR * len(_to_json([turns, functions], indent=4))
        parts: list[str] = []
        length = 0
        try:
            for part in self._template.generate(
                messages=turns, add_generation_prompt=True, tools=functions or None, documents=None
            ):
                parts.append(part)
                length += len(part)
                if length > most:
                    _refuse(f"it wrote more than {most} characters")
        # The template is somebody else's program: it may fail in any way that Python knows.
        except Exception as error:
            raise InvalidPrompt(
                f"The model's chat template refuses the messages: {error}"
            ) from error
        return "".join(parts)


def turns_of(messages: Sequence[Message]) -> Turns:
    """The messages in the shape that templates expect: arguments of calls are no text there.

    Raises ``InvalidPrompt`` for arguments that are no JSON.
    """
    return [_turn(message) for message in messages]


def functions_of(tools: Sequence[Tool]) -> Turns:
    """The tools in the shape that templates expect, which is that of OpenAI's API."""
    return [_function(tool) for tool in tools]


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": _parsed(call.arguments, f"The arguments of {call.name}"),
                },
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _parts(text: str) -> list[dict[str, str]]:
    """A text as templates want it that know content only as a list: those of some seeing models."""
    return [{"type": "text", "text": text}]


def _function(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": _parsed(tool.parameters, f"The parameters of {tool.name}"),
        },
    }


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPrompt(f"{what} are no JSON: {error}") from error


def _refuse(reason: str) -> NoReturn:
    raise _Refused(reason)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes < and > for HTML; templates mean plain JSON.
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
