"""What a keeper counts: how often it put something right, and whom it told."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

# What becomes of a job whose worker died, as ``tasks.upkeep`` says it, and what that is called.
STRIKE = "queued"
DEAD_LETTER = "failed"
OUTCOMES = ("delivered", "failed", "refused")


class KeeperMetrics:
    """The series of one keeper; ``registry`` is what its reporter reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._strikes = Counter(
            "millrace_job_strikes",
            "Deaths of workers that a running job was charged with.",
            ["model"],
            registry=self.registry,
        )
        self._dead_letters = Counter(
            "millrace_dead_letters",
            "Jobs that are not tried again.",
            ["model"],
            registry=self.registry,
        )
        self._tickets = Counter(
            "millrace_tickets_made_good",
            "Tickets published anew.",
            ["model"],
            registry=self.registry,
        )
        self.expired = Counter(
            "millrace_jobs_expired_waiting",
            "Jobs whose deadline passed in line.",
            registry=self.registry,
        )
        self.unheard = Counter(
            "millrace_jobs_unheard",
            "Jobs cancelled because their API process died.",
            registry=self.registry,
        )
        self.righted = Counter(
            "millrace_jobs_righted",
            "Jobs that were not where their state says.",
            registry=self.registry,
        )
        self.webhooks = Counter(
            "millrace_webhook_tries",
            "Tries to call a webhook.",
            ["outcome"],
            registry=self.registry,
        )

        for outcome in OUTCOMES:
            self.webhooks.labels(outcome)

    def known(self, queue: str) -> None:
        """There is a queue: its series begin at 0, for Prometheus sees no rise out of nothing."""
        for counter in (self._strikes, self._dead_letters, self._tickets):
            counter.labels(model_of(queue))

    def orphan(self, queue: str, became: str) -> None:
        """A worker died, or let its lease lapse, with a job of ``queue`` in its hands."""
        model = model_of(queue)
        if became in {STRIKE, DEAD_LETTER}:
            self._strikes.labels(model).inc()
        if became == DEAD_LETTER:
            self._dead_letters.labels(model).inc()

    def made_good(self, queue: str, tickets: int) -> None:
        """So many tickets of ``queue`` were missing."""
        self._tickets.labels(model_of(queue)).inc(tickets)


def model_of(queue: str) -> str:
    """The model that a queue is of: its name behind the kind."""
    return queue.partition(".")[2] or queue
