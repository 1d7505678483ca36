"""The form that a response's text must have: ``text.format``, or a name that llama-server knows."""

from __future__ import annotations

from app.openai.errors import BadRequest
from app.openai.forms import agreed_form, check_endings, check_name, form_of, schema_text
from app.openai.responses.fields import ResponseBody, TextFormat
from app.openai.tools import Toolbox, missing
from tasks.jobs import Form

_FORMAT = "text.format"


def response_form(asked: ResponseBody, toolbox: Toolbox) -> Form | None:
    """The form of the text; a response that may be a call has none."""
    if toolbox.must_call:
        check_endings("tool_choice", "a call", asked, may_stop=True)
    found = form_of(asked, None)
    given = asked.text.format if asked.text else None
    if given is not None and (form := _form(given)) is not None:
        if found is not None:
            raise BadRequest(
                f"'{found[0]}' and '{_FORMAT}' both say what the answer must look like: send one of"
                " them.",
                param=found[0],
            )
        found = _FORMAT, form
    return agreed_form(found, asked, may_call=toolbox.may_call)


def _form(given: TextFormat) -> Form | None:
    match given.type:
        case "text":
            return None
        case "json_object":
            return Form("json")
        case "json_schema":
            check_name(given.name or missing(f"{_FORMAT}.name"), f"{_FORMAT}.name")
            schema = missing(f"{_FORMAT}.schema") if given.schema is None else given.schema
            return Form("schema", schema_text(schema, f"{_FORMAT}.schema"))
    raise BadRequest(
        f"'{_FORMAT}.type' must be text, json_object or json_schema; a grammar goes into "
        "'grammar'.",
        param=f"{_FORMAT}.type",
    )
