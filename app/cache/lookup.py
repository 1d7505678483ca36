"""Looks a request up in the cache, before anything else is done for it.

1. A request that the cache may not serve, or a cache that is away, is a ``bypass``: the request is
   served as if there were none.
2. What is kept is a ``hit``.
3. What is not, or not wanted from there, is a ``miss``: its job may be shared by equal requests
   (the ledger decides which, in the call that accepts it), and its answer is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from app.cache import entries, policy
from app.cache.cache_control import HEADER, CacheControl
from app.cache.fingerprint import fingerprint, input_fingerprints, share_of
from app.cache.inputs import Inputs
from app.cache.known import KnownIdentities
from app.cache.recorder import AnswerRecorder, VectorRecorder
from app.cache.sought import Kept, Sought
from app.cache.store import Away, Store
from app.cache.writer import Entry
from app.openai.errors import BadRequest
from app.settings import ApiSettings
from app.wishes import Order
from tasks.cache_counts import Counts
from tasks.cache_names import stem
from tasks.gateway import Gateway
from tasks.jobs import EmbedJob, Job

# Two hashes for each model and owner, which are few.
_stem = lru_cache(maxsize=1_024)(stem)


class NotKept(BadRequest):
    """Raised when a client wants an answer from the cache or none, and there is none."""

    status = 504


class Lookup:
    """One per process. Thread-safe."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        """Connects to nobody yet."""
        self._settings = settings
        self._known = KnownIdentities(gateway)
        self._counts = Counts(gateway.redis, settings)
        self._store = Store(settings.cache_url, settings.cache_ttl_s, self._counts.store)

    def look(self, order: Order) -> Sought:
        """What there is for ``order``; ``NotKept`` when it wants only what is there."""
        sought = self._look(order)
        if order.cache_control.only_if_cached and sought.kept is None:
            raise NotKept(
                "No answer to this request is in the cache. Send it without 'only-if-cached' to"
                " have it computed.",
                param=HEADER,
                code="not_cached",
            )
        if sought.status == "bypass":
            self._counts.bypass(order.job.model, _size(order.job))
        elif sought.found:
            self._counts.hit(order.job.model, sought.found)
        return sought

    def accepted(self, sought: Sought, job_id: str) -> Sought:
        """``sought`` once the job ``job_id`` computes it: its own, or that of an equal request."""
        if sought.status != "miss":
            return sought
        model, missing = sought.job.model, _size(sought.job)
        if job_id == sought.job.id:
            self._counts.miss(model, missing)
            return sought
        self._counts.coalesced(model, missing)
        return replace(sought, status="coalesced")

    def _look(self, order: Order) -> Sought:
        job = order.job
        if not policy.serves(self._settings.cache, job) or policy.wants_own_job(order.terms):
            return Sought("bypass", job)
        identity = self._known.of(job.model)
        if identity is None:
            return Sought("bypass", job)
        try:
            if isinstance(job, EmbedJob):
                return self._vectors(job, order.cache_control, identity)
            return self._answer(job, order.cache_control, identity)
        except Away:
            return Sought("bypass", job)

    def _answer(self, job: Job, asked: CacheControl, identity: str) -> Sought:
        digest = fingerprint(job, identity)
        name = _stem(self._settings.key_prefix, "answer", job.model, job.owner) + digest
        if not asked.no_cache:
            value = self._store.get(name)
            answer = None if value is None else entries.read_answer(value)
            if answer is not None:
                age_s = time.time() - answer.created_at_s
                if policy.is_young_enough(age_s, asked):
                    return Sought("hit", job, Kept(answer.events, age_s), found=1)
        recorder = AnswerRecorder(
            name,
            identity,
            most_bytes=self._settings.cache_entry_bytes,
            now_s=time.time,
            keep=partial(self._keep, job.model),
        )
        return Sought(
            "miss",
            job,
            share=share_of(job, digest) if policy.may_share(job, asked) else "",
            recorder=None if asked.no_store else recorder,
        )

    def _vectors(self, job: EmbedJob, asked: CacheControl, identity: str) -> Sought:
        prints = input_fingerprints(job, identity)
        begin = _stem(self._settings.key_prefix, "vector", job.model, job.owner)
        inputs = Inputs(job, prints, {} if asked.no_cache else self._kept(begin, prints, asked))
        if not inputs.missing:
            made_s = min(vector.created_at_s for vector in inputs.kept.values())
            age_s = time.time() - made_s
            return Sought("hit", job, Kept(inputs.complete(), age_s), found=inputs.count)
        rest = inputs.rest
        recorder = VectorRecorder(
            [begin + each for each in inputs.missing],
            identity,
            now_s=time.time,
            keep=partial(self._keep, job.model),
        )
        return Sought(
            "miss",
            rest,
            share=fingerprint(rest, identity) if policy.may_share(rest, asked) else "",
            found=inputs.found,
            inputs=None if rest is job else inputs,
            recorder=None if asked.no_store else recorder,
        )

    def _kept(
        self, begin: str, prints: Sequence[str], asked: CacheControl
    ) -> dict[str, entries.Vector]:
        unique = list(dict.fromkeys(prints))
        now_s = time.time()
        found: dict[str, entries.Vector] = {}
        for each, value in zip(
            unique, self._store.get_many([begin + p for p in unique]), strict=True
        ):
            vector = None if value is None else entries.read_vector(value)
            if vector is not None and policy.is_young_enough(now_s - vector.created_at_s, asked):
                found[each] = vector
        return found

    def _keep(self, model: str, values: Sequence[tuple[str, bytes]]) -> None:
        self._store.put([Entry(name, model, value) for name, value in values])


def _size(job: Job) -> int:
    """As how many a job counts: embeddings as their inputs, everything else as one."""
    return len(job.texts) + len(job.tokens) if isinstance(job, EmbedJob) else 1
