"""Chat templates: somebody else's programs, kept inside their bounds."""

from __future__ import annotations

import pytest

from tasks.jobs import Message, Tool, ToolCall

pytest.importorskip("llama_cpp")

from worker.runtimes.errors import InvalidPrompt, LoadFailed
from worker.runtimes.llama.template import CHATML, ChatTemplate

HELLO = [Message("system", "Be brief."), Message("user", "Hello")]


def render(source: str, messages: list[Message] | None = None) -> str:
    """What the template makes of a greeting."""
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    return template.render(HELLO if messages is None else messages)


def test_chatml_is_the_default_format() -> None:
    """A file without a template is spoken to in ChatML, the answer's turn begun."""
    assert render(CHATML) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}{{ messages[-1].content }}{{ eos_token }}", "<s>Hello</s>"),
        ("{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}x{% endfor %}", "x"),
        ("{% generation %}a{% endgeneration %}", "a"),
        ("{{ messages[0] | tojson }}", '{"role": "system", "content": "Be brief."}'),
        ("{{ strftime_now('%Y') | int > 2000 }}", "True"),
        ("{% if tools %}t{% endif %}{{ add_generation_prompt }}", "True"),
    ],
)
def test_templates_find_what_they_expect(source: str, expected: str) -> None:
    """The names, filters and tags that templates of Hugging Face use are there."""
    assert render(source) == expected


def test_tools_have_the_shape_of_openai() -> None:
    """A template finds each tool's name, description and parameters, the latter no text."""
    template = ChatTemplate("{{ tools | tojson }}", bos="", eos="")
    tools = [Tool("add", "Adds", '{"type": "object"}')]
    assert template.render(HELLO, tools) == (
        '[{"type": "function", "function": {"name": "add", "description": "Adds", '
        '"parameters": {"type": "object"}}}]'
    )


def test_calls_have_the_shape_of_hugging_face() -> None:
    """A template finds the arguments of an earlier call parsed, and which call a result is of."""
    source = (
        "{% for m in messages %}{% for c in m.tool_calls or [] %}"
        "{{ c.id }} {{ c.function.name }} {{ c.function.arguments.b[0] }} {% endfor %}"
        "{{ m.tool_call_id }}{% endfor %}"
    )
    call = ToolCall("c1", "add", '{"b": [3]}')
    messages = [
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "5", tool_call_id="c1"),
    ]
    assert render(source, messages) == "c1 add 3 c1"


def test_no_tools_are_none() -> None:
    """Templates ask whether tools are none, and must not be told an empty list."""
    assert render("{{ tools is none }}") == "True"


def test_broken_arguments_refuse_the_prompt() -> None:
    """Arguments that are no JSON cannot be shown to a template."""
    broken = Message("assistant", "", tool_calls=(ToolCall("c1", "add", "{"),))
    with pytest.raises(InvalidPrompt, match="arguments of add are no JSON"):
        render(CHATML, [broken])


def test_bound_counts_tools_and_calls() -> None:
    """A template may write large tools and calls out, several times."""
    tools = [Tool("f", "long " * 20_000)]
    template = ChatTemplate(
        "{% for i in range(4) %}{{ tools | tojson }}{% endfor %}", bos="", eos=""
    )
    assert len(template.render(HELLO, tools)) > 400_000
    call = ToolCall("c", "f", '{"a": "' + "long " * 20_000 + '"}')
    messages = [Message("assistant", "", tool_calls=(call,))]
    source = "{% for i in range(4) %}{{ messages | tojson(indent=4) }}{% endfor %}"
    assert len(render(source, messages)) > 400_000


def test_refusal_reaches_the_client() -> None:
    """``raise_exception`` becomes ``InvalidPrompt`` with the template's own words."""
    with pytest.raises(InvalidPrompt, match="Roles must alternate"):
        render("{{ raise_exception('Roles must alternate') }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[9].content }}",
        "{{ 1 // 0 }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_failing_template_refuses_the_prompt(source: str) -> None:
    """However a template fails, in the sandbox or in its own logic, it is ``InvalidPrompt``."""
    with pytest.raises(InvalidPrompt, match="refuses the messages"):
        render(source)


def test_output_is_bounded() -> None:
    """A template that writes without end is stopped."""
    endless = "{% for i in range(90000) %}{% for j in range(90000) %}word{% endfor %}{% endfor %}"
    with pytest.raises(InvalidPrompt, match="it wrote more than"):
        render(endless)


def test_template_that_is_none_fails_the_load() -> None:
    """A template that Jinja cannot compile is found when the model is loaded."""
    with pytest.raises(LoadFailed, match="cannot be compiled"):
        render("{% for %}")


PARTS = (
    "{% for m in messages %}{{ m.role }}:{% for p in m.content %}"
    "{% if p.type == 'text' %}{{ p.text }}{% else %}<image>{% endif %}"
    "{% endfor %};{% endfor %}"
)


def test_content_is_a_list_where_nothing_else_comes_through() -> None:
    """Templates of some models that see know no other; all others get text."""
    assert render(PARTS, [Message("user", "hello"), Message("assistant", "hi")]) == (
        "user:hello;assistant:hi;"
    )
    either = "{% for m in messages %}{{ 'text' if m.content is string else 'list' }}{% endfor %}"
    assert render("{{ messages[0].content }}" + either, [Message("user", "x")]) == "xtext"
