"""A model that is added over the network: a definition's JSON to a checked ``Model``.

It is the catalog's table but for two fields: ``restricted`` is always true, and ``created_at`` is
when it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from app.admin.sources import checked_source
from app.openai.errors import BadRequest
from tasks.model import CatalogError, Kind, KvType, Model, RuntimeName, check

Name = Annotated[str, Meta(max_length=128)]
Source = Annotated[str, Meta(max_length=4096)]
NotNegative = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]

CHOICES = {"kind": get_args(Kind), "runtime": get_args(RuntimeName), "kv_type": get_args(KvType)}
SOURCES = ("source", "tokenizer", "mmproj")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a definition; what is left out or null has the catalog's default."""

    name: Name
    kind: Name
    source: Source
    aliases: Annotated[tuple[Name, ...], Meta(max_length=16)] | None = None
    runtime: Name | None = None
    tokenizer: Source | None = None
    mmproj: Source | None = None
    sha256: Name | None = None
    device: Name | None = None
    slots: int | None = None
    context: int | None = None
    threads: NotNegative | None = None
    n_gpu_layers: int | None = None
    kv_type: Name | None = None
    flash_attention: bool | None = None
    tokens_per_s: Amount | None = None
    speculative: int | None = None
    max_waiting: int | None = None
    memory_mb: int | None = None
    ttl_s: Amount | None = None
    preload: bool | None = None
    pinned: bool | None = None
    replicas: int | None = None


FIELDS = Definition.__struct_fields__


def model_of(definition: Definition, *, folders: Sequence[Path], created_at: int) -> Model:
    """The model that is defined; ``BadRequest`` names the field at fault.

    Its files must lie in ``folders``.
    """
    given = {name: value for name in FIELDS if (value := getattr(definition, name)) is not None}
    for name in CHOICES.keys() & given.keys():
        _check_choice(name, given[name])
    _check_names(definition)
    for name in SOURCES:
        if name in given:
            given[name] = checked_source(given[name], f"model.{name}", folders)
    model = Model(**given, created_at=created_at, restricted=True)
    try:
        check(model)
    except CatalogError as error:
        raise BadRequest(f"The definition cannot be used: {error}.", param=_field(error)) from error
    return model


def _check_choice(name: str, value: str) -> None:
    *first, last = CHOICES[name]
    if value not in CHOICES[name]:
        raise BadRequest(
            f"'model.{name}' must be {', '.join(first)} or {last}, not {value!r}.",
            param=f"model.{name}",
        )


def _check_names(definition: Definition) -> None:
    aliases = definition.aliases or ()
    for param, name in [("model.name", definition.name), *(("model.aliases", a) for a in aliases)]:
        # Names stand in URLs, which clients shorten by themselves.
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise BadRequest(
                f"'{param}' must have no empty part, '.' or '..' between slashes, as {name!r} has.",
                param=param,
            )
    if len({definition.name, *aliases}) <= len(aliases):
        raise BadRequest(
            "'model.aliases' must be different from each other and from the name.",
            param="model.aliases",
        )


def _field(error: CatalogError) -> str:
    """The field that the error names first, behind the model's own name."""
    said = str(error)
    if "no model name" in said:
        return "model.name"
    words = re.findall(r"\w+", said.partition(": ")[2])
    # "the onnx runtime serves kind 'embed' only" is about the kind.
    named = [word for word in words if word in FIELDS and word != "runtime"]
    return f"model.{named[0]}" if named else "model"
