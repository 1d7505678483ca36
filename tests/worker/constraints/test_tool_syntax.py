"""The syntax of calls, found in the words of chat templates."""

from __future__ import annotations

import pytest

from worker.constraints.tool_syntax import GENERIC, HERMES, LLAMA, syntax_of

QWEN = (
    "{%- if tools %}{{- 'For each function call, return within <tool_call></tool_call>:"
    '\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}'
    "\\n</tool_call>' }}{% endif %}"
)
META = (
    "{%- if tools is not none %}{{- 'Respond in the format "
    '{"name": function name, "parameters": dictionary of argument name and its value}.'
    "' }}{% endif %}"
)
XML = "{% if tools %}<tool_call>\\n<function=example>\\n<parameter=x>{% endif %}"
MISTRAL = '{% if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS] [{"name": ...}]'
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.mark.parametrize(
    ("template", "syntax"),
    [
        (QWEN, HERMES),
        (META, LLAMA),
        (XML, GENERIC),
        (MISTRAL, GENERIC),
        (CHATML, GENERIC),
        ("", GENERIC),
    ],
)
def test_templates_tell_their_syntax(template: str, syntax: object) -> None:
    """Hermes' and Llama's are known; a template with another one, or none, gets the generic."""
    assert syntax_of(template) is syntax
