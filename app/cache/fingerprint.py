"""What makes two requests equal, as one hash. Pure.

It covers what computes the answer (the identity that a worker says), whose request it is, and
every field of the job that the answer depends on. The fields are those of the job's struct, in
its order: one that a later release adds is covered without a word here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import msgspec
from msgspec.structs import replace

from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job, Priority, Sampling, Shown

# Rises when what is kept under a fingerprint is to be read in another way.
FORMAT = b"millrace cache 1"

_encode = msgspec.msgpack.Encoder().encode
_SHOWN = Shown()


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fingerprint(job: Job, identity: str) -> str:
    """Equal for two jobs of which one's answer is the other's, computed by ``identity``."""
    digest = hashlib.sha256()
    _update(digest, FORMAT, identity.encode(), _encode(_what_counts(job)))
    return digest.hexdigest()


def share_of(job: Job, digest: str) -> str:
    """What requests have in common that may follow one job, whose fingerprint is ``digest``.

    A stream that is cut goes on under the id of the job that it follows: it must be of one shape.
    """
    return f"{digest}.response" if isinstance(job, ChatJob) and job.response else digest


def input_fingerprints(job: EmbedJob, identity: str) -> list[str]:
    """One for every input of ``job``, which depends on no other input."""
    kind = b"text" if job.texts else b"tokens"
    common = hashlib.sha256()
    dimensions = b"" if job.dimensions is None else b"%d" % job.dimensions
    _update(common, FORMAT, identity.encode(), job.owner.encode(), job.model.encode())
    _update(common, kind, dimensions)
    return [_of_input(common.copy(), each) for each in _inputs(job)]


def _what_counts(job: Job) -> Job:
    """``job`` without what the answer does not depend on: its name, its times, how it is shown."""
    bare = replace(
        job,
        id="",
        created_at=0.0,
        priority=Priority.INTERACTIVE,
        metadata={},
        deadline_at=None,
        shown=_SHOWN,
        traceparent="",
    )
    if isinstance(bare, ChatJob):
        # A response's events are a chat's; only what is written of them differs.
        bare = replace(bare, response=None)
    if isinstance(bare, ChatJob | CompletionJob) and bare.sampling.logit_bias:
        return replace(bare, sampling=_in_order(bare.sampling))
    return bare


def _in_order(sampling: Sampling) -> Sampling:
    # The only mapping in a job: as its client wrote it, in whichever order.
    return replace(sampling, logit_bias=dict(sorted(sampling.logit_bias.items())))


def _inputs(job: EmbedJob) -> Iterator[bytes]:
    if job.texts:
        return (text.encode() for text in job.texts)
    return (_encode(tokens) for tokens in job.tokens)


def _of_input(digest: hashlib._Hash, content: bytes) -> str:
    digest.update(content)
    return digest.hexdigest()


def _update(digest: _Hash, *parts: bytes) -> None:
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
