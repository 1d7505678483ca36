"""``millrace batch submit``: from what was typed to the batches, and to the output."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from console.batches import contract
from console.batches.asking import INPUTS_PER_LINE, Ask, Kind, kind_of_ready
from console.batches.delivering import Delivery, NothingWritten, deliver, format_of
from console.batches.faults import Ended, Unusable
from console.batches.handling import explain
from console.batches.memory import Memory, begun, held, memory_beside, recalled
from console.batches.parts import Limits, cut
from console.batches.progress import shown
from console.batches.server import Server
from console.batches.settings import read_settings
from console.batches.sinks import Format
from console.batches.sources import check_readable, is_ready
from console.batches.submitting import OWN_PAIRS, Submitter
from console.batches.watching import Parts, watch
from console.place import INTERRUPTED, REFUSED, complain, fail
from console.wording import clean, counted, span

_MOST_PAIRS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The command line."""

    file: Path
    model: str | None
    kind: str
    column: str | None
    has_header: bool
    system: str | None
    max_tokens: int | None
    temperature: float | None
    watch: bool
    output: Path | None
    format: Format | None
    window: str
    metadata: tuple[str, ...]


def submit(server: Server, wishes: Wishes) -> None:
    """Submit what is not submitted yet; with ``watch`` wait for it and write the output."""
    check_readable(wishes.file)
    ask = _ask(server, wishes)
    output = wishes.output or _default_output(wishes)
    format = format_of(output, wishes.format, ask.kind)
    path = memory_beside(output)
    with held(path):
        memory = recalled(path, ask, server.url) or _begun(path, ask, server.url, output)
        try:
            if wishes.watch:
                _watch_all(server, memory, output, format)
            else:
                _submit_all(server, memory)
        except KeyboardInterrupt:
            made = sum(bool(part.batch_id) for part in memory.parts)
            batches = counted(len(memory.parts), "batch", "batches")
            fail(
                f"Interrupted: {made:,} of {batches} submitted, which go on. The same command goes"
                f" on from there; {path} remembers.",
                INTERRUPTED,
            )


def _submit_all(server: Server, memory: Memory) -> None:
    submitter = Submitter(server, memory)
    for number, part in enumerate(memory.parts):
        if not part.batch_id:
            submitter.submit(number)
        typer.echo(clean(memory.parts[number].batch_id))
    complain(f"The same command with --watch writes the results; {memory.path} remembers.")


def _watch_all(server: Server, memory: Memory, output: Path, format: Format) -> None:
    began_s = time.monotonic()
    work = Parts(server, memory, Submitter(server, memory))
    with shown() as told:
        watch(work, server, told)
    server.note = complain
    for number, part in enumerate(memory.parts):
        explain(work.batches[number], max(part.line - 1, 0))
    if not any(batch.output_file_id or batch.error_file_id for batch in work.batches.values()):
        memory.forget()
        raise NothingWritten(_nothing(work))
    ready = memory.ask.is_ready
    deliveries = [
        Delivery(
            work.batches[number],
            work.mendings.get(number),
            None if ready else (part.first, part.rows),
        )
        for number, part in enumerate(memory.parts)
    ]
    try:
        tally = deliver(server, deliveries, output, format, memory.ask.kind)
    except NothingWritten:
        memory.forget()
        raise
    memory.forget()
    typer.echo(f"{clean(str(output))}: {tally}, in {span(time.monotonic() - began_s)}")
    tally.complain()
    if tally.failed:
        raise typer.Exit(REFUSED)


def _nothing(work: Parts) -> str:
    statuses = sorted({batch.status for batch in work.batches.values()})
    ids = ", ".join(batch.id for batch in list(work.batches.values())[:3])
    return f"There are no results ({ids}: {', '.join(statuses)})."


def _begun(path: Path, ask: Ask, url: str, output: Path) -> Memory:
    if output.exists():
        raise Ended(f"{output} exists: name another --output, or remove it.")
    settings = read_settings()
    limits = Limits(
        lines=settings.batch_max_lines,
        inputs=settings.batch_max_inputs,
        number_bytes=settings.batch_file_limit_bytes,
        line_bytes=settings.body_limit_bytes,
    )
    ask = msgspec.structs.replace(ask, inputs_per_line=min(INPUTS_PER_LINE, limits.inputs))
    return begun(path, ask, url, lambda: cut(ask, limits))


def _default_output(wishes: Wishes) -> Path:
    return wishes.file.with_name(f"{wishes.file.name}.results.{wishes.format or 'jsonl'}")


def _ask(server: Server, wishes: Wishes) -> Ask:
    """What is asked of each row; ``Unusable`` where the options do not go together."""
    metadata = _pairs(wishes.metadata)
    if is_ready(wishes.file) and wishes.column is None:
        options = ("model", "system", "max_tokens", "temperature")
        for name in options:
            if getattr(wishes, name) is not None:
                option = name.replace("_", "-")
                raise Unusable(f"--{option} is for texts: the requests of {wishes.file} say it.")
        kind = kind_of_ready(wishes.file)
        if wishes.kind not in ("auto", kind):
            raise Unusable(f"The requests of {wishes.file} are {kind}, not {wishes.kind}.")
        return Ask(file=str(wishes.file), kind=kind, window=wishes.window, metadata=metadata)
    if not wishes.model:
        raise Unusable("--model is missing: which model is to compute the texts?")
    return Ask(
        file=str(wishes.file),
        kind=_kind(server, wishes),
        model=wishes.model,
        column=wishes.column,
        has_header=wishes.has_header,
        system=wishes.system,
        max_tokens=wishes.max_tokens,
        temperature=wishes.temperature,
        window=wishes.window,
        metadata=metadata,
    )


def _kind(server: Server, wishes: Wishes) -> Kind:
    """What is asked of the model; auto asks the server what it is for."""
    kind = wishes.kind
    if kind == "auto":
        known = contract.model_kind(server, wishes.model or "")
        if not known:
            raise Unusable(f"{server.url} does not say what {wishes.model} is for: --kind does.")
        kind = "embeddings" if known == "embed" else "chat"
    given = {
        "--system": wishes.system,
        "--max-tokens": wishes.max_tokens,
        "--temperature": wishes.temperature,
    }
    if kind == "embeddings" and (wrong := [name for name in given if given[name] is not None]):
        raise Unusable(f"{wrong[0]} is for chats: these are embeddings.")
    if kind == "completions" and wishes.system is not None:
        raise Unusable("--system is for chats: completions have no messages.")
    match kind:
        case "embeddings" | "chat" | "completions":
            return kind
        case _:
            raise Unusable(f"{kind} is no kind.")


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise Unusable(f"--metadata {each}: write NAME=VALUE.")
        pairs[name] = value
    if len(pairs) > _MOST_PAIRS - OWN_PAIRS:
        raise Unusable(f"--metadata has at most {_MOST_PAIRS - OWN_PAIRS} pairs here.")
    return pairs
