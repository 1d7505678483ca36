"""``millrace models add``: a definition at run time, by whoever owns the machines.

Unlike one that comes over the network it may name any file: who can write to the queue's Redis and
to the machine's disk needs no leave.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from console.fleet.definitions import define, spelled_out
from console.fleet.loading import load
from console.place import UNREACHABLE, fail, opened
from tasks.model import CatalogError, Kind, KvType, Model, RuntimeName

FORMS = "package:PACKAGE/FILE, path:FILE, hf:OWNER/REPO/FILE or echo:"


def add_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Its name.")],
    *,
    source: Annotated[str, typer.Option(help=f"Its file: {FORMS}.")],
    kind: Annotated[Kind, typer.Option(help="What it does.")] = "chat",
    alias: Annotated[list[str] | None, typer.Option(help="Another name; may be repeated.")] = None,
    runtime: Annotated[
        RuntimeName | None, typer.Option(help="What reads the file, if its name does not tell.")
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Its tokenizer, as a source.")] = None,
    mmproj: Annotated[
        str | None, typer.Option(help="What lets a multimodal model see, as a source.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="What its file must be.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:INDEX or any.")] = None,
    slots: Annotated[int | None, typer.Option(help="Jobs at once.")] = None,
    context: Annotated[int | None, typer.Option(help="Tokens of a slot.")] = None,
    threads: Annotated[int | None, typer.Option(help="0: all cores.")] = None,
    n_gpu_layers: Annotated[int | None, typer.Option(help="Layers on the GPU; -1: all.")] = None,
    kv_type: Annotated[KvType | None, typer.Option(help="Type of keys and values.")] = None,
    flash_attention: Annotated[
        bool | None, typer.Option("--flash-attention/--no-flash-attention")
    ] = None,
    tokens_per_s: Annotated[float | None, typer.Option(help="Speed of an echo model.")] = None,
    speculative: Annotated[int | None, typer.Option(help="Tokens guessed ahead.")] = None,
    max_waiting: Annotated[int | None, typer.Option(help="Jobs that may wait for it.")] = None,
    memory_mb: Annotated[
        int | None, typer.Option(help="What it needs, instead of the node's estimate.")
    ] = None,
    ttl_s: Annotated[
        float | None, typer.Option(help="Idle for so long it is unloaded; 0: never.")
    ] = None,
    preload: Annotated[
        bool, typer.Option("--preload", help="Load it before anybody asks, after restarts too.")
    ] = False,
    pinned: Annotated[
        bool, typer.Option("--pinned", help="It never makes room for another.")
    ] = False,
    replicas: Annotated[int | None, typer.Option(help="On how many nodes.")] = None,
    loaded: Annotated[bool, typer.Option("--load", help="Load it now, and wait.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="Seconds to wait at most.")
    ] = 600.0,
) -> None:
    """Add a model without touching models.toml, or change one that was added so.

    It is kept in Redis, and loaded when a job comes for it.
    """
    given: dict[str, Any] = {
        "tokenizer": spelled_out(tokenizer),
        "mmproj": spelled_out(mmproj),
        "runtime": runtime,
        "sha256": sha256,
        "device": device,
        "slots": slots,
        "context": context,
        "threads": threads,
        "n_gpu_layers": n_gpu_layers,
        "kv_type": kv_type,
        "flash_attention": flash_attention,
        "tokens_per_s": tokens_per_s,
        "speculative": speculative,
        "max_waiting": max_waiting,
        "memory_mb": memory_mb,
        "ttl_s": ttl_s,
        "replicas": replicas,
    }
    model = Model(
        name=name,
        kind=kind,
        source=spelled_out(source) or source,
        aliases=tuple(alias or ()),
        preload=preload,
        pinned=pinned,
        created_at=int(time.time()),
        **{field: value for field, value in given.items() if value is not None},
    )
    with opened() as place:
        try:
            changed = define(place, model)
        except CatalogError as error:
            fail(f"The definition cannot be used: {error}.", UNREACHABLE)
        typer.echo(f"{name} is {'changed' if changed else 'added'}.")
        if loaded:
            load(place, model, wait=True, timeout_s=timeout_s)
