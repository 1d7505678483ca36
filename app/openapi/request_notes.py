"""What the fields of requests mean, and those of their limits that only code checks."""

from __future__ import annotations

from app.openai.batches import ENDPOINTS
from app.openai.tokens import MAX_TEXT_BYTES
from app.openapi.pieces import Json

Notes = dict[str, dict[str, str | Json]]

_ROLES = ["system", "developer", "user", "assistant", "tool"]
NAME = "^[A-Za-z0-9_-]{1,64}$"
_WEBHOOK = "Called when the job has ended; refused where the server has no key to sign with."

_JOB: dict[str, str | Json] = {
    "model": "Name or alias of the model.",
    "user": "Accepted, not used.",
    "metadata": "Kept with the job, and shown where it is read and listed.",
    "timeout_s": "Seconds from the request's arrival after which the answer is of no use.",
    "background": "Answered at once by a 202 with the job, which nobody needs to wait for.",
    "webhook_url": _WEBHOOK,
}

ANSWER: dict[str, str | Json] = {
    **_JOB,
    "temperature": "1 unless given; 0 takes the likeliest token.",
    "top_p": "1 unless given.",
    "n": "Choices, drawn at once: at most as many as the model has slots.",
    "stop": "The answer ends before the first of these strings, which is not part of it.",
    "seed": "Choice i uses seed + i; random unless given.",
    "presence_penalty": "Sees the answer's tokens, not the prompt's.",
    "frequency_penalty": "Sees the answer's tokens, not the prompt's.",
    "logit_bias": {
        "description": "Token ids in decimal digits to what is added to their logits.",
        "propertyNames": {"pattern": "^[0-9]{1,10}$"},
    },
    "stream": "The answer as an event stream.",
    "stream_options": "Needs `stream`.",
    "top_k": "0, the default, is off.",
    "min_p": "0, the default, is off.",
    "repeat_penalty": "Sees the answer's tokens, not the prompt's. 1 unless given.",
    "grammar": {
        "description": "A grammar in llama.cpp's GBNF that the answer keeps to.",
        "maxLength": 65_536,
    },
    "json_schema": "llama-server's name for a `response_format` with that schema.",
    "ignore_eos": "The tokens that end an answer are never drawn.",
    "cache_prompt": "Use what a slot's memory already holds of the prompt. True unless given.",
    "timings": "Where the time went, as llama-server tells it.",
    "timings_per_token": "The same as `timings`.",
}

REQUESTS: Notes = {
    "ChatRequest": {
        **ANSWER,
        "messages": "The conversation so far.",
        "max_tokens": "The older name of `max_completion_tokens`, which wins.",
        "max_completion_tokens": "Most tokens of each choice; left out, what the context holds.",
        "logprobs": "Log probabilities of the chosen tokens.",
        "top_logprobs": "Needs `logprobs`: so many of the likeliest tokens beside each.",
        "response_format": "The form that the answer must have.",
        "tools": "Functions that the model may call.",
        "tool_choice": "`none`, `auto` (the default), `required`, or one function by its name.",
        "parallel_tool_calls": "False: one call at most.",
        "functions": {"description": "Not read any more: send `tools`.", "maxItems": 0},
        "function_call": {
            "description": "Not read any more: send `tool_choice`.",
            "enum": ["none", "auto", None],
        },
    },
    "CompletionRequest": {
        **ANSWER,
        "prompt": "A text, texts, token ids (one prompt), or lists of them: all of one type.",
        "max_tokens": "Most tokens of each choice, 16 unless given; 0 needs `echo`.",
        "best_of": "The same as `n`.",
        "echo": "The prompt comes before its continuation.",
        "suffix": {"description": "Filling in the middle is not served.", "maxLength": 0},
        "logprobs": "Log probabilities, with so many alternatives.",
        "response_format": "Accepted with type `text` alone: that of chats is not served here.",
    },
    "EmbeddingsRequest": {
        **_JOB,
        "input": "A text, texts, token ids (one input), or lists of them: 1 to 2,048 of one type.",
        "encoding_format": {
            "description": "`float` unless given; `base64` is little-endian float32.",
            "enum": ["float", "base64"],
        },
        "dimensions": "The first so many numbers, of length 1 again.",
    },
    "StreamOptions": {"include_usage": "The stream's last chunk has the usage."},
    "ChatMessage": {
        "role": {"description": "`developer` is read as `system`.", "enum": _ROLES},
        "content": "A text, or parts; may be left out beside `tool_calls` or `image_urls`.",
        "name": "Passed to the model's template.",
        "tool_calls": "What an assistant called in this turn.",
        "tool_call_id": "Of a `tool` message: which call it answers.",
        "function_call": {
            "description": "Not read any more: send `tool_calls`.",
            "type": "null",
        },
        "image_urls": {
            "description": "Pictures behind the text: a shorthand, of `user` messages alone.",
            "type": ["array", "null"],
            "items": {"type": "string"},
        },
    },
    "ContentPart": {
        "type": {
            "description": "`refusal` in messages of an assistant, `image_url` in those of a user.",
            "enum": ["text", "refusal", "image_url"],
        },
        "text": "Of type `text`.",
        "refusal": "Of type `refusal`.",
        "image_url": {
            "description": "Of type `image_url`: a data URL, or https where it is allowed.",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"url": {"type": "string"}, "detail": {"type": "string"}},
                    "required": ["url"],
                },
                {"type": "null"},
            ],
        },
    },
    "ToolCallInput": {
        "id": "The call's id.",
        "type": {"description": "`function`, also when left out.", "enum": ["function"]},
        "function": "What was called.",
    },
    "CalledFunction": {
        "name": {"description": "The function's name.", "pattern": NAME},
        "arguments": "Text, JSON or not.",
    },
    "Tool": {
        "type": {"description": "Others are not served.", "enum": ["function"]},
        "function": "The function that may be called.",
    },
    "FunctionDefinition": {
        "name": {"description": "Given once in a request.", "pattern": NAME},
        "description": "What it is good for.",
        "parameters": "JSON Schema of type `object`; left out, the arguments are any object.",
        "strict": "Arguments always keep to their schema, whatever this says.",
    },
    "NamedToolChoice": {
        "type": {"description": "Others are not served.", "enum": ["function"]},
        "function": "One of the `tools`.",
    },
    "NamedFunction": {"name": "The function's name."},
    "ResponseFormat": {
        "type": {
            "description": "`json_schema` needs the field of that name.",
            "enum": ["text", "json_object", "json_schema"],
        },
        "json_schema": "The schema, with a name.",
        "schema": "llama-server's place for it, beside `json_object`.",
    },
    "NamedSchema": {
        "name": {"description": "Of the schema.", "pattern": NAME},
        "schema": "JSON Schema, of at most 64 KiB without its white space.",
        "description": "Accepted, not used.",
        "strict": "Every schema is kept strictly, whatever this says.",
    },
    "TokenizeRequest": {
        "model": "Name or alias; may be left out where there is one chat model.",
        "content": {"description": "llama-server's form of a text.", "maxLength": MAX_TEXT_BYTES},
        "add_special": "With what the model wants before a text. False unless given.",
        "parse_special": "Markup in the text stands for control tokens. True unless given.",
        "with_pieces": "Each id with its text.",
        "prompt": {"description": "vLLM's form of a text.", "maxLength": MAX_TEXT_BYTES},
        "messages": "A conversation through the model's template.",
        "tools": "Those of the conversation.",
        "add_special_tokens": "`add_special` beside `prompt`. True unless given.",
    },
    "DetokenizeRequest": {
        "tokens": "Token ids of a chat model.",
        "model": "Name or alias; may be left out where there is one chat model.",
    },
    "BatchRequest": {
        "input_file_id": "A file of purpose `batch`.",
        "endpoint": {"description": "Of every line.", "enum": list(ENDPOINTS)},
        "completion_window": {
            "description": "`24h`, or a number with s, m, h or d from 1s to 30d.",
            "pattern": "^[1-9][0-9]{0,6}[smhd]$",
        },
        "metadata": "Comes back with the batch.",
        "output_expires_after": "When the files of results are deleted; left out, after 30 days.",
        "webhook_url": _WEBHOOK,
    },
    "FileExpiry": {
        "anchor": {"description": "What `seconds` count from.", "enum": ["created_at"]},
        "seconds": "How long the files are kept.",
    },
    "LoadRequest": {
        "model": "Name or alias of a model of the catalog, or the definition of a new one.",
        "wait_s": "How long to wait until it serves. 0 unless given.",
    },
    "UnloadRequest": {
        "model": "Name or alias.",
        "force": "At once: its jobs go back to their queue.",
        "forget": "Take back the definition of a model that was added at run time, too.",
        "wait_s": "How long to wait until no process of it is left. 0 unless given.",
    },
    "ApiKeyRequest": {
        "owner": {
            "description": "Whom what is asked with the key belongs to.",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$",
        },
        "name": "For people.",
        "models": "Those it may use, by name or alias; left out, all.",
        "requests_per_minute": "Left out, no limit.",
        "tokens_per_minute": "Left out, no limit.",
        "most_open": "Jobs that have not ended; left out, no limit.",
        "priority": {
            "description": "The most urgent that its jobs may have; `interactive` unless given.",
            "enum": ["interactive", "background", "batch"],
        },
        "expires_after_s": "Left out, never.",
    },
}
