"""What the fields of ``POST /v1/responses`` mean."""

from __future__ import annotations

from app.openapi.pieces import ref
from app.openapi.request_notes import ANSWER, NAME, Notes

RESPONSE_REQUESTS: Notes = {
    "ResponseRequest": {
        **{name: note for name, note in ANSWER.items() if name != "n"},
        "n": {"description": "A response has one answer.", "const": 1},
        "input": "A text, or items: messages, calls and their outputs.",
        "instructions": "A system message before the input.",
        "max_output_tokens": "Left out, what the context holds.",
        "top_logprobs": "Log probabilities with so many of the likeliest tokens.",
        "include": "`message.output_text.logprobs` is heeded; of the others there is nothing here.",
        "text": "How the text is to be.",
        "tools": "Functions that the model may call.",
        "tool_choice": "`none`, `auto` (the default), `required`, or one function by its name.",
        "parallel_tool_calls": "False: one call at most.",
        "store": "Accepted; what is asked in the background can be fetched, and nothing else.",
        "truncation": {"description": "Nothing is dropped.", "enum": ["disabled"]},
        "previous_response_id": {"description": "Not served: stateless.", "type": "null"},
        "conversation": {"description": "Not served: stateless.", "type": "null"},
        "prompt": {"description": "Not served: no prompts are stored.", "type": "null"},
        "context_management": {"description": "Not served.", "maxItems": 0},
        "moderation": {"description": "Not served.", "type": "null"},
    },
    "ResponseInputItem": {
        "type": {
            "description": "May be left out of a message. `reasoning` is skipped.",
            "enum": ["message", "function_call", "function_call_output", "reasoning"],
        },
        "role": {
            "description": "Of a message.",
            "enum": ["system", "developer", "user", "assistant"],
        },
        "content": "Of a message.",
        "call_id": "Of a call, and of its output.",
        "name": "Of a call: the function's.",
        "arguments": {"description": "Of a call: JSON text.", "type": ["string", "null"]},
        "output": {
            "description": "Of a call's output.",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": ref("ResponseInputPart")},
                {"type": "null"},
            ],
        },
    },
    "ResponseInputPart": {
        "type": {
            "description": "`output_text` and `refusal` are an assistant's.",
            "enum": ["input_text", "output_text", "refusal", "input_image"],
        },
        "image_url": "A data URL, or https where it is allowed.",
        "file_id": {"description": "Not read.", "type": "null"},
    },
    "ResponseTextRequest": {
        "type": {
            "description": "`json_schema` needs `name` and `schema`.",
            "enum": ["text", "json_object", "json_schema"],
        },
        "name": {"description": "Of the schema.", "pattern": NAME},
        "strict": "Every schema is kept strictly, whatever this says.",
    },
    "ResponseTextConfig": {"verbosity": "Accepted, not used."},
    "ResponseToolRequest": {
        "type": {"description": "Others are not served.", "enum": ["function"]},
        "name": {"description": "Given once in a request.", "pattern": NAME},
        "strict": "Arguments always keep to their schema, whatever this says.",
    },
    "ResponseToolChoice": {
        "type": {"description": "Others are not served.", "enum": ["function"]},
        "name": "One of the `tools`.",
    },
}
