"""What a job asks of its answer, made ready for the engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tasks.errors import InvalidJob
from tasks.jobs import ChatJob, CompletionJob, Form, Message, Tool
from tests.worker.constraints.byte_model import ByteModel
from tests.worker.constraints.test_tool_reader import called
from tests.worker.constraints.test_tool_syntax import META, QWEN
from tests.worker.constraints.tools import ADD, HELLO, WEATHER, chat
from tests.worker.constraints.walks import follows, wander
from worker.constraints import Rules
from worker.engine.constraint import Constraint

SUN = called('{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}')
SUM = called('{"name": "add", "arguments": {"a": 1, "b": 2}}')


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules(ByteModel())


def constraint(rules: Rules, job: ChatJob) -> Constraint:
    """The constraint of the job's first choice."""
    prepared = rules.prepare(job)
    assert prepared.constrain is not None
    return prepared.constrain()


def allows(rules: Rules, text: str, **fields: Any) -> bool:
    """Whether an answer to the job may be ``text``."""
    return follows(constraint(rules, chat(**fields)), text)


def refusal(rules: Rules, job: ChatJob | CompletionJob) -> InvalidJob:
    """The error that the job is refused with."""
    with pytest.raises(InvalidJob) as refused:
        rules.prepare(job)
    return refused.value


def test_plain_jobs_have_no_rules(rules: Rules) -> None:
    """Without a form and tools there is nothing to constrain and nothing to read."""
    prepared = rules.prepare(chat(tools=()))
    assert (prepared.constrain, prepared.read) == (None, None)
    assert prepared.messages == (HELLO,)


def test_required_calls(rules: Rules) -> None:
    """The answer is one call or several, of the tools given, and their arguments are valid."""
    for text in (SUN, SUM, f"{SUN}\n{SUM}", "\n".join([SUM] * 16)):
        assert allows(rules, text, tool_choice="required")
    for text in (
        "Hello",
        f"Hello {SUN}",
        SUN.replace("3", "9"),
        SUN.replace("Rome", "R" * 31),
        SUN.replace("days", "weeks"),
        SUN.replace("get_weather", "get_time"),
        "\n".join([SUM] * 17),
        f"{SUM}{SUM}",
    ):
        assert not allows(rules, text, tool_choice="required"), text


def test_one_call_when_not_parallel(rules: Rules) -> None:
    """After one call the answer is complete."""
    job = chat(tool_choice="required", parallel_tool_calls=False)
    walk = constraint(rules, job)
    for token in SUM.encode():
        assert not walk.complete
        walk.accept(token)
    assert walk.complete


def test_named_tool(rules: Rules) -> None:
    """A tool that is named is called once, and no other."""
    named = {"tool_choice": "required", "tool_name": "add"}
    assert allows(rules, SUM, **named)
    assert not allows(rules, SUN, **named)
    assert not allows(rules, f"{SUM}\n{SUM}", **named)


def test_free_answers(rules: Rules) -> None:
    """With ``auto`` any text is an answer; where a call begins, it must be a valid one."""
    for text in ("Hello", "", "a < b <tool <tool_cal", SUN, f"Let me see.\n{SUN}\n{SUM}"):
        assert allows(rules, text), text
    for text in ("<tool_call> is a marker", f"Well. {SUN.replace('3', '9')}", f"{SUN} Done."):
        assert not allows(rules, text), text


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_random_calls_are_valid(rules: Rules, choice: str) -> None:
    """What is drawn at random has calls whose arguments the tools' schemas allow."""
    tools = {
        tool.name: Draft202012Validator(json.loads(tool.parameters)) for tool in (WEATHER, ADD)
    }
    prepared = rules.prepare(chat(tool_choice=choice))
    assert prepared.constrain is not None
    assert prepared.read is not None
    calls = 0
    for seed in range(30):
        walk = prepared.constrain()
        lead = "x <tool_call>" if choice == "auto" else ""
        for token in lead.encode():
            walk.accept(token)
        text = wander(walk, ByteModel(), seed, steps=600)
        if text is None:
            continue
        reader = prepared.read()
        read = [reader.push(lead + text), reader.finish()]
        arguments: dict[int, list[str]] = {}
        for delta in (delta for each in read for delta in each.calls):
            arguments.setdefault(delta.index, []).append(delta.name or delta.arguments)
        assert "".join(each.content for each in read) == ("x" if choice == "auto" else "")
        for name, *pieces in arguments.values():
            tools[name].validate(json.loads("".join(pieces)))
            calls += 1
    assert calls >= 10


def test_calls_of_llama() -> None:
    """Llama's calls have no marker: an answer that starts with a brace is one call, or none."""
    rules = Rules(ByteModel(META))
    call = '{"name": "add", "parameters": {"a": 1, "b": 2}}'
    for text in (call, "Hello {you}", "", " x"):
        assert allows(rules, text), text
    for text in ('{"a": 1}', f"{call}\n{call}", call.replace("1", '"1"')):
        assert not allows(rules, text), text
    assert allows(rules, call, tool_choice="required")
    assert not allows(rules, "Hello", tool_choice="required")


def test_native_templates_get_the_tools() -> None:
    """A template that knows tools gets them, and the turns as they are; another an explanation."""
    native, plain = Rules(ByteModel(QWEN)), Rules(ByteModel())
    prepared = native.prepare(chat())
    assert (prepared.messages, prepared.tools) == ((HELLO,), (WEATHER, ADD))
    explained = plain.prepare(chat())
    assert explained.tools == ()
    assert "get_weather" in explained.messages[0].content


def test_markers_that_are_control_tokens_are_not_used() -> None:
    """A native syntax whose marker has no text in this vocabulary gives way to the generic one."""
    rules = Rules(ByteModel(QWEN, control="<tool_call>"))
    assert rules.prepare(chat()).tools == ()


def test_tools_that_must_not_be_called(rules: Rules) -> None:
    """With ``none`` the model hears of no tools, and a form holds."""
    prepared = rules.prepare(chat(tool_choice="none", form=Form("json")))
    assert prepared.messages == (HELLO,)
    assert prepared.read is None
    assert prepared.constrain is not None
    assert follows(prepared.constrain(), "{}")
    assert not follows(prepared.constrain(), "Hello")


def test_completions_keep_to_forms(rules: Rules) -> None:
    """A completion may have a form, too."""
    prepared = rules.prepare(CompletionJob(id="x", model="m", form=Form("gbnf", 'root ::= "a"')))
    assert prepared.constrain is not None
    assert follows(prepared.constrain(), "a")


def test_form_and_tools_exclude_each_other(rules: Rules) -> None:
    """An answer cannot be both, and the client is told so."""
    assert refusal(rules, chat(form=Form("json"))).param == "response_format"


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_unenforceable_parameters_are_refused(rules: Rules, choice: str) -> None:
    """A tool's schema is held to the same law as a form's, and the refusal names the tool."""
    odd = Tool("odd", "", '{"type": "object", "not": {}}')
    refused = refusal(rules, chat(tools=(ADD, odd), tool_choice=choice))
    assert refused.param == "tools[1].function.parameters"
    assert "'not'" in refused.message
    named = refusal(rules, chat(tools=(ADD, odd), tool_choice="required", tool_name="odd"))
    assert named.param == "tools[1].function.parameters"


def test_arguments_are_objects(rules: Rules) -> None:
    """Parameters that are no object are refused, and without a type they are made one."""
    wrong = Tool("f", "", '{"type": "string"}')
    assert refusal(rules, chat(tools=(wrong,))).param == "tools[0].function.parameters"
    empty = {"tools": (Tool("f", "", "{}"),), "tool_choice": "required"}
    assert allows(rules, called('{"name": "f", "arguments": {"x": 1}}'), **empty)
    assert not allows(rules, called('{"name": "f", "arguments": 1}'), **empty)


def test_unknown_named_tool_is_refused(rules: Rules) -> None:
    """A name that no tool has is refused."""
    job = chat(tool_choice="required", tool_name="missing")
    assert refusal(rules, job).param == "tool_choice"


class _Countless(ByteModel):
    @property
    def vocabulary(self) -> int:
        """As many as the echo model has."""
        return 4 << 24


def test_countless_tokens_cannot_be_constrained() -> None:
    """A model like echo's is asked for calls in words alone; forms for it are refused at once."""
    rules = Rules(_Countless())
    prepared = rules.prepare(chat())
    assert prepared.constrain is None
    assert prepared.read is not None
    assert refusal(rules, chat(tool_choice="required")).param == "tool_choice"
    assert refusal(rules, chat(tools=(), form=Form("json"))).param == "response_format"


def test_schema_names_its_param(rules: Rules) -> None:
    """Each kind of form is refused under the name that the client gave it."""
    bad = {
        "response_format.json_schema.schema": Form("schema", '{"not": {}}'),
        "grammar": Form("gbnf", "root"),
    }
    for param, form in bad.items():
        assert refusal(rules, chat(tools=(), form=form)).param == param


def test_messages_with_calls_are_retold(rules: Rules) -> None:
    """A history of calls reaches a plain template as text even when no tools are offered."""
    prepared = rules.prepare(chat(tools=(), messages=(HELLO, Message("tool", "3"))))
    assert [turn.role for turn in prepared.messages] == ["user", "user"]
