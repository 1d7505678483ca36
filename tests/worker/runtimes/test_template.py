"""Chat templates: somebody else's programs, kept inside their bounds."""

from __future__ import annotations

import pytest

from tasks.jobs import Message

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
