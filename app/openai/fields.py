"""Fields that several endpoints share, with the ranges that their decoding checks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

INT32 = 2**31 - 1

ModelName = Annotated[str, Meta(max_length=256)]

Count = Annotated[int, Meta(ge=1, le=INT32)]
TokenId = Annotated[int, Meta(ge=0, le=INT32)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

Temperature = Annotated[float, Meta(ge=0, le=2)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
RepeatPenalty = Annotated[float, Meta(gt=0, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]

# OpenAI's limits.
MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]
