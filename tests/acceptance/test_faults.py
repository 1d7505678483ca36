"""A part dies in the middle of an answer; the client sees a pause."""

from __future__ import annotations

import threading
import time

import psutil

from tasks.roster import Roster
from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import busy, wait_for
from tests.acceptance.test_streams import Answer

TEXT = " ".join(f"{i}" for i in range(220))


class Background:
    """An answer that is awaited in a thread."""

    def __init__(self, stack: Stack, model: str, content: str, **body: object) -> None:
        message = {"role": "user", "content": content}
        self._stack, self._body = stack, {"model": model, "messages": [message], **body}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.answer = Answer(self._stack.url, **self._body)

    def result(self) -> Answer:
        """The answer, whole."""
        self._thread.join(90)
        assert not self._thread.is_alive()
        self.answer.assert_whole()
        return self.answer


def slow_answer(stack: Stack) -> Background:
    """An answer that is under way and takes a few seconds more."""
    wait_for(lambda: busy(stack) == 0, 20)
    answer = Background(stack, "slow", TEXT)
    wait_for(lambda: busy(stack) == 1, 5)
    time.sleep(0.5)
    return answer


def test_a_killed_worker_is_back_and_its_job_goes_on(stack: Stack) -> None:
    """The client stays connected and gets the same text as without the kill."""
    answer = slow_answer(stack)
    pid = stack.kill("-Q chat.slow")
    assert answer.result().text == TEXT
    stack.wait_for("-Q chat.slow", other_than=pid)
    assert stack.ledger.record(answer.answer.headers["x-request-id"])["attempt"] == "2"


def test_a_killed_worker_of_the_real_model_continues_its_stream(stack: Stack) -> None:
    """All tokens that were asked for arrive once, in one stream of consecutive numbers."""
    answer = Background(
        stack,
        "smollm2-135m",
        "Tell me a story.",
        max_tokens=250,
        ignore_eos=True,
        temperature=0.5,
    )
    running = stack.ledger.keys.running("chat.smollm2-135m")
    wait_for(lambda: stack.ledger.redis.zcard(running) == 1, 5)
    time.sleep(0.3)
    stack.kill("-Q chat.smollm2-135m")
    result = answer.result()
    assert result.usage is not None
    assert result.usage["completion_tokens"] == 250
    assert stack.ledger.record(result.headers["x-request-id"])["attempt"] == "2"


def test_a_killed_redis_is_back_and_the_answer_completes(stack: Stack) -> None:
    """API and worker find the restarted Redis by themselves."""
    answer = slow_answer(stack)
    time.sleep(1.1)  # the append-only file is synced every second
    stack.kill_redis()
    assert answer.result().text == TEXT
    stack.wait_ready(15)


def test_a_killed_api_is_back_within_seconds(stack: Stack) -> None:
    """Master and all: requests are answered again."""
    began = time.monotonic()
    workers = psutil.Process(stack.pid_of("gunicorn")).children()
    pid = stack.kill("gunicorn")
    stack.wait_for("gunicorn", other_than=pid)
    stack.wait_ready(15)
    assert time.monotonic() - began < 10
    _, left = psutil.wait_procs(workers, timeout=10)
    assert left == []
    # The dying process may still take a connection: the client tries again, as it does by default.
    answer = stack.client.with_options(max_retries=3).chat.completions.create(
        model="echo", messages=[{"role": "user", "content": "back"}]
    )
    assert answer.choices[0].message.content == "back"


def test_a_killed_keeper_is_back(stack: Stack) -> None:
    """The runner restarts it, and it is elected again once its predecessor's term is over."""
    pid = stack.kill("-Q keeper")
    heir = stack.wait_for("-Q keeper", other_than=pid)
    roster = Roster(stack.ledger.redis, stack.settings)
    wait_for(lambda: (roster.keeper() or "").endswith(f"#{heir}"), 15)
    seat = stack.ledger.keys.reconciler
    wait_for(lambda: (stack.ledger.redis.get(seat) or b"").endswith(f"#{heir}".encode()), 15)
    assert not psutil.pid_exists(pid)


def test_a_ticket_that_is_lost_is_made_good(stack: Stack) -> None:
    """With the queue's list emptied, the reconciler publishes for what waits."""
    wait_for(lambda: busy(stack) == 0, 20)
    first = [Background(stack, "slow", TEXT[:150]) for _ in range(4)]
    wait_for(lambda: busy(stack) == 4, 5)
    second = [Background(stack, "slow", "waited") for _ in range(4)]
    wait_for(lambda: stack.ledger.waiting("chat.slow") == 4, 5)
    stack.ledger.redis.delete("chat.slow")
    assert [entry.result().text for entry in first] == [TEXT[:150]] * 4
    assert [entry.result().text for entry in second] == ["waited"] * 4
