"""A worker's metrics, on real Redis: what happened to its jobs is what it says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.celery import make_celery
from tasks.connection import Client
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Ledger
from tasks.measures import Measures, by_label
from tasks.model import Model
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings

TEXT = " ".join(str(number) for number in range(40))


def process_of(settings: QueueSettings, source: str) -> ModelProcess:
    """A chat model's process, slow enough to be interrupted."""
    own = WorkerSettings.model_validate(settings.model_dump())
    model = Model(
        name=settings.key_prefix,
        kind="chat",
        source=source,
        slots=4,
        context=1024,
        tokens_per_s=60,
    )
    return ModelProcess(own, make_celery(settings), model)


@pytest.fixture
def process(settings: QueueSettings) -> Iterator[ModelProcess]:
    """One that has loaded."""
    process = process_of(settings, "echo:")
    process.start()
    yield process
    process.drain()
    process.ledger.redis.delete(process.model.queue)
    process.close()


def accept(process: ModelProcess) -> str:
    """A job that waits."""
    job = ChatJob(id=new_id(), model=process.model.name, messages=(Message("user", TEXT),))
    process.ledger.accept(job, process.model.queue)
    return job.id


def ticket(process: ModelProcess) -> threading.Thread:
    """A handler, as a ticket starts it."""
    thread = threading.Thread(target=handlers.chat, args=(process,), daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def value(process: ModelProcess, name: str, **labels: str) -> float:
    """A sample as it is now; 0 where there is none."""
    labels = {"model": process.model.name} | labels
    return process.metrics.registry.get_sample_value(f"millrace_{name}", labels) or 0.0


def test_the_time_in_line_is_from_accepted_to_claimed(process: ModelProcess) -> None:
    """By the ledger's clock, once for a job."""
    accept(process)
    time.sleep(0.3)
    ticket(process).join(20)
    assert value(process, "request_queue_time_seconds_count") == 1
    assert 0.3 <= value(process, "request_queue_time_seconds_sum") < 10


def test_a_continuation_is_an_attempt_and_no_second_job(
    process: ModelProcess, settings: QueueSettings
) -> None:
    """The lease that was lost, the second attempt, and one answer."""
    ledger = process.ledger
    job_id = accept(process)
    first = ticket(process)
    wait_for(lambda: len(ledger.log(job_id)) > 5)
    Upkeep(ledger.redis, settings).reap(process.model.queue, [process.leases.holder])
    second = ticket(process)
    wait_for(lambda: ledger.state(job_id) == "done")
    for handler in (first, second):
        handler.join(10)
    assert value(process, "job_attempts_total", attempt="first") == 1
    assert value(process, "job_attempts_total", attempt="again") == 1
    assert value(process, "request_queue_time_seconds_count") == 1
    assert value(process, "leases_lost_total") == 1
    assert value(process, "request_success_total", finished_reason="stop") == 1


def test_busy_slots_and_what_they_hold_are_of_now(process: ModelProcess) -> None:
    """While a job runs, and nothing once it has ended."""
    job_id = accept(process)
    handler = ticket(process)
    wait_for(lambda: len(process.ledger.log(job_id)) > 3)
    assert value(process, "slots_busy") == 1
    assert value(process, "kv_cache_tokens") > 0
    assert 0 < value(process, "kv_cache_usage_ratio") < 1
    handler.join(20)
    assert value(process, "slots_busy") == value(process, "kv_cache_tokens") == 0
    assert value(process, "slots") == 4


def test_a_load_that_fails_is_counted_though_the_process_ends(
    settings: QueueSettings, client: Client, ledger: Ledger
) -> None:
    """What it had to say is with the past before it goes."""
    process = process_of(settings, "path:/no/such/model.gguf")
    with pytest.raises(Exception, match="no/such"):
        process.start()
    totals = Measures(client, settings).totals()
    assert by_label(totals["millrace_model_loads_total"], "outcome") == {"failed": 1}
    process.leases.close()
    process.publisher.close()
