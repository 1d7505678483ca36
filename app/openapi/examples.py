"""Requests and answers as they were sent and came, to be shown beside the schemas."""

from __future__ import annotations

from app.openapi.pieces import Json

_JOB_ID = "01a203fd82db4e4aaa93c7d6451cf9ed"
_QUESTION = "Explain what a message queue is in one sentence."
_ANSWER = (
    "A message queue is a data processing system that allows multiple tasks to be executed"
    " concurrently, with the ability to store and retrieve messages in a queue."
)
_USAGE: Json = {
    "prompt_tokens": 40,
    "completion_tokens": 29,
    "total_tokens": 69,
    "prompt_tokens_details": {"cached_tokens": 0},
}

CHAT_REQUEST: Json = {
    "model": "smollm2-135m",
    "temperature": 0,
    "messages": [{"role": "user", "content": _QUESTION}],
}
STREAM_REQUEST: Json = {
    **CHAT_REQUEST,
    "stream": True,
    "stream_options": {"include_usage": True},
}
SCHEMA_REQUEST: Json = {
    "model": "smollm2-135m",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Invent a person."}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "person",
            "schema": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 20},
                    "age": {"type": "integer"},
                },
                "required": ["name", "age"],
                "additionalProperties": False,
            },
        },
    },
}
TOOLS_REQUEST: Json = {
    "model": "smollm2-135m",
    "temperature": 0,
    "max_tokens": 100,
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "messages": [{"role": "user", "content": "What is the weather in Rome?"}],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "maxLength": 20}},
                    "required": ["city"],
                },
            },
        }
    ],
}
BACKGROUND_REQUEST: Json = {**CHAT_REQUEST, "background": True, "metadata": {"report": "42"}}

CHAT_ANSWER: Json = {
    "object": "chat.completion",
    "id": f"chatcmpl-{_JOB_ID}",
    "created": 1_795_363_275,
    "model": "smollm2-135m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": _ANSWER, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": _USAGE,
}
CALL_ANSWER: Json = {
    "object": "chat.completion",
    "id": "chatcmpl-01a202c391255b34411f7be3afb4cc34",
    "created": 1_795_342_700,
    "model": "smollm2-135m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_e080f9220b6f32c1afcbf44a",
                        "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
                        "type": "function",
                    }
                ],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 148,
        "completion_tokens": 13,
        "total_tokens": 161,
        "prompt_tokens_details": {"cached_tokens": 0},
    },
}

STREAM_ANSWER = (
    ": job 01a202c39194f7c757970e8b7191c0c0\n"
    "id: 1\n"
    'data: {"object":"chat.completion.chunk","id":"chatcmpl-01a202c39194f7c757970e8b7191c0c0",'
    '"created":1795342700,"model":"smollm2-135m","choices":[{"index":0,"delta":{"role":'
    '"assistant"},"logprobs":null,"finish_reason":null}]}\n\n'
    "id: 2\n"
    'data: {"object":"chat.completion.chunk","id":"chatcmpl-01a202c39194f7c757970e8b7191c0c0",'
    '"created":1795342700,"model":"smollm2-135m","choices":[{"index":0,"delta":{"content":'
    '"Hello"},"logprobs":null,"finish_reason":null}]}\n\n'
    "id: 3\n"
    'data: {"object":"chat.completion.chunk","id":"chatcmpl-01a202c39194f7c757970e8b7191c0c0",'
    '"created":1795342700,"model":"smollm2-135m","choices":[{"index":0,"delta":{},'
    '"logprobs":null,"finish_reason":"length"}]}\n\n'
    "id: 4\n"
    "data: [DONE]\n\n"
)

COMPLETION_REQUEST: Json = {
    "model": "smollm2-135m",
    "prompt": ["The capital of France is", "One, two,"],
    "temperature": 0,
    "max_tokens": 4,
}

EMBEDDINGS_REQUEST: Json = {"model": "minilm-l6", "input": ["hello", "world"], "dimensions": 4}
EMBEDDINGS_ANSWER: Json = {
    "object": "list",
    "data": [
        {
            "object": "embedding",
            "index": 0,
            "embedding": [
                -0.5140546560287476,
                0.37788084149360657,
                0.43100666999816895,
                0.6381121873855591,
            ],
        },
        {
            "object": "embedding",
            "index": 1,
            "embedding": [
                -0.4409744143486023,
                0.3887803554534912,
                -0.7884684205055237,
                -0.18085633218288422,
            ],
        },
    ],
    "model": "minilm-l6",
    "usage": {"prompt_tokens": 6, "total_tokens": 6},
}

JOB_QUEUED: Json = {
    "object": "job",
    "id": _JOB_ID,
    "kind": "chat.completion",
    "model": "smollm2-135m",
    "state": "queued",
    "attempt": 0,
    "position": 1,
    "created_at": 1_795_363_275,
    "metadata": {"report": "42"},
    "urls": {"self": f"/v1/jobs/{_JOB_ID}", "events": f"/v1/jobs/{_JOB_ID}/events"},
}
JOB_DONE: Json = {
    "object": "job",
    "id": _JOB_ID,
    "kind": "chat.completion",
    "model": "smollm2-135m",
    "state": "done",
    "attempt": 1,
    "created_at": 1_795_363_275,
    "started_at": 1_795_363_275,
    "finished_at": 1_795_363_276,
    "expires_at": 1_795_366_876,
    "usage": _USAGE,
    "result": CHAT_ANSWER,
    "metadata": {"report": "42"},
    "urls": {"self": f"/v1/jobs/{_JOB_ID}", "events": f"/v1/jobs/{_JOB_ID}/events"},
}

RESPONSE_REQUEST: Json = {
    "model": "smollm2-135m",
    "temperature": 0,
    "instructions": "Answer in one sentence.",
    "input": "What is a message queue?",
}
RESPONSE: Json = {
    "object": "response",
    "id": f"resp_{_JOB_ID}",
    "created_at": 1_795_363_275,
    "status": "completed",
    "background": False,
    "completed_at": 1_795_363_276,
    "error": None,
    "incomplete_details": None,
    "instructions": "Answer in one sentence.",
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "model": "smollm2-135m",
    "output": [
        {
            "type": "message",
            "id": f"msg_{_JOB_ID}",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": _ANSWER, "annotations": [], "logprobs": []}
            ],
        }
    ],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": False,
    "temperature": 0.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 40,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 29,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 69,
    },
}
