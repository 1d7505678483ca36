"""A sentence encoder of 300 bytes, written field by field, and a tokenizer of three words."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

FLOAT, INT64, BOOL = 1, 7, 9
ROWS, WIDTH = 4, 2


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A number in as many bytes as it takes."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def port(name: str, kind: int, rank: int) -> bytes:
    """An input or output: its element type, and so many dimensions of no stated length."""
    shape = b"".join(field(1, field(2, "n")) for _ in range(rank))
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def outside(location: str) -> bytes:
    """What makes a tensor's weights lie in another file."""
    return field(13, field(1, "location") + field(2, location)) + field(14, 1)


def weights(where: bytes | None = None) -> bytes:
    """The embeddings of four tokens, in the file or ``where``."""
    head = field(1, ROWS) + field(1, WIDTH) + field(2, FLOAT) + field(8, "W")
    return head + (where or field(9, numbers()))


def numbers() -> bytes:
    """The weights themselves."""
    return struct.pack("<8f", 1, 2, 3, 4, 5, 6, 7, 8)


INPUTS = (port("input_ids", INT64, 2), port("attention_mask", INT64, 2))
OUTPUTS = (port("last_hidden_state", FLOAT, 3),)


def encoder(
    *,
    weight: bytes | None = None,
    inputs: Sequence[bytes] = INPUTS,
    outputs: Sequence[bytes] = OUTPUTS,
    looked_up: str = "W",
    operator: str = "Gather",
    in_node: bytes = b"",
    in_graph: bytes = b"",
    in_model: bytes = b"",
) -> bytes:
    """Each token to its row of the embeddings; what is ``in_...`` is added at the end of that."""
    names = field(1, looked_up) + field(1, "input_ids") + field(2, "last_hidden_state")
    graph = (
        field(1, names + field(4, operator) + in_node)
        + field(2, "g")
        + field(5, weight or weights())
        + b"".join(field(11, each) for each in inputs)
        + b"".join(field(12, each) for each in outputs)
        + in_graph
    )
    return field(1, 8) + field(7, graph) + field(8, field(2, 17)) + in_model


def endless() -> bytes:
    """A sound graph that goes round 2^63 times before it looks at its input."""
    body = (
        field(1, field(1, "on") + field(2, "on2") + field(4, "Identity"))
        + field(1, field(1, "w") + field(2, "w2") + field(4, "Identity"))
        + field(2, "body")
        + b"".join(field(11, each) for each in (port("i", INT64, 0), port("on", BOOL, 0)))
        + field(11, port("w", FLOAT, 2))
        + b"".join(field(12, each) for each in (port("on2", BOOL, 0), port("w2", FLOAT, 2)))
    )
    rounds = field(2, INT64) + field(8, "rounds") + field(9, struct.pack("<q", 2**63 - 1))
    go_on = field(2, BOOL) + field(8, "go on") + field(9, b"\1")
    loop = (
        b"".join(field(1, name) for name in ("rounds", "go on", "W"))
        + field(2, "W round and round")
        + field(4, "Loop")
        + field(5, field(1, "body") + field(20, 5) + field(6, body))
    )
    begun = field(1, loop) + field(5, rounds) + field(5, go_on)
    return encoder(looked_up="W round and round", in_graph=begun)


TOKENIZER = json.dumps(
    {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {
            "type": "WordLevel",
            "vocab": {"[UNK]": 0, "Hello": 1, "mill": 2, "race": 3},
            "unk_token": "[UNK]",
        },
    }
)
