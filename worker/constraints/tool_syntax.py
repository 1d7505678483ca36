"""How a model writes a tool call: decided from the source of its chat template.

What a template calls its markers says nothing about their tokens. Mistral's ``[TOOL_CALLS]`` and
Llama's ``<|python_tag|>`` are control tokens, which have no text: their models get the generic
syntax, as do those whose template has another one (XML, special channels) or knows no tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolSyntax:
    """The text of a call: ``opening``, name, ``between``, arguments, ``closing``.

    ``marker`` is what tells a call from other text: it begins ``opening``, and is empty where an
    answer that starts with a brace is a call. With ``native`` the model's own template presents
    the tools and earlier calls. ``several`` is whether one answer may hold more than one call.
    """

    marker: str
    opening: str
    between: str
    closing: str
    native: bool
    several: bool

    @property
    def end_marker(self) -> str:
        """What tells that a call is over."""
        return self.closing.removeprefix("}").strip()


HERMES = ToolSyntax(
    marker="<tool_call>",
    opening='<tool_call>\n{"name": "',
    between='", "arguments": ',
    closing="}\n</tool_call>",
    native=True,
    several=True,
)
"""What Hermes 2 Pro began and Qwen 2.5, Qwen 3, Granite 4 and others took over."""

LLAMA = ToolSyntax(
    marker="",
    opening='{"name": "',
    between='", "parameters": ',
    closing="}",
    native=True,
    several=False,
)
"""Llama 3.1 to 3.3, whose templates refuse a turn with two calls."""

GENERIC = ToolSyntax(
    marker=HERMES.marker,
    opening=HERMES.opening,
    between=HERMES.between,
    closing=HERMES.closing,
    native=False,
    several=True,
)
"""The most common syntax, explained to a model whose template does not know it."""

# In a template the quotes may be escaped, being part of a Jinja string.
_HERMES = re.compile(r'\{\\*"name\\*": *\\*"?<function-name>')
_LLAMA = re.compile(r'\{\\*"name\\*": function name, \\*"parameters\\*"')


def syntax_of(template: str) -> ToolSyntax:
    """The syntax that a template's own words describe, or the generic one."""
    if "tools" not in template:
        return GENERIC
    if HERMES.marker in template and _HERMES.search(template):
        return HERMES
    if _LLAMA.search(template):
        return LLAMA
    return GENERIC
