"""``millrace jobs show``."""

from __future__ import annotations

import re
import time

import pytest

from tasks import hosts
from tasks.events import Failed, Started, Token
from tasks.jobs import Form, Message, Tool
from tasks.ledger import Ledger
from tasks.roster import Report, Roster
from tests.console.conftest import Millrace
from tests.console.lives import ANSWER, SECRET, Lives


def told(output: str, name: str) -> str:
    """What stands beside ``name``."""
    found = re.search(rf"^{name} {{2,}}(.*)$", output, re.MULTILINE)
    return found[1] if found else ""


def report(lives: Lives, expires_s: float = 5.0, **fields: int | str) -> Report:
    """What a worker says of itself."""
    given = {"state": "ready", "pid": 42, "slots": 4, "context": 512, **fields}
    now_s = lives.records.now_s()
    return Report(node="n", expires_ms=int((now_s + expires_s) * 1000), **given)  # type: ignore[arg-type]


def test_a_waiting_job_tells_its_place_and_its_sizes(millrace: Millrace, lives: Lives) -> None:
    """And no word of what was asked."""
    lives.waiting()
    tools = (Tool(SECRET, SECRET, '{"type": "object"}'),)
    form, metadata = Form("schema", SECRET), {SECRET: SECRET}
    job = lives.waiting(tools=tools, stop=(SECRET,), form=form, metadata=metadata, max_tokens=9)
    result = millrace("jobs", "show", job.id, "--events")
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert told(result.stdout, "state") == "queued"
    assert told(result.stdout, "position") == "2"
    assert told(result.stdout, "listener") == "needs none"
    characters = len(SECRET)
    assert told(result.stdout, "messages") == f"2 (1 system, 1 user), {characters + 2} characters"
    assert told(result.stdout, "tools") == f"1, {2 * characters + 18} characters"
    assert told(result.stdout, "form") == f"schema, {characters} characters"
    assert told(result.stdout, "asked for") == "1 choice of at most 9 tokens, temperature 1"
    assert told(result.stdout, "metadata") == "1 entry"


def test_a_running_job_tells_who_holds_it(millrace: Millrace, lives: Lives, ledger: Ledger) -> None:
    """Its lease's age, and when its worker reported."""
    job = lives.waiting()
    lives.claimed("chat.m@host#42.ab")
    Roster(ledger.redis, ledger.settings).report(lives.queue, "chat.m@host#42.ab", report(lives))
    output = millrace("jobs", "show", job.id).stdout
    assert re.fullmatch(r"renewed 0\.\d s ago, ends in [56]\.\d s", told(output, "lease"))
    worker = told(output, "worker")
    assert re.fullmatch(r"chat.m@host#42.ab \(pid 42\), ready, reported 1\.\d s ago", worker)


def test_a_lease_that_is_over_is_told(millrace: Millrace, lives: Lives, ledger: Ledger) -> None:
    """With what comes next; a worker without a report is named all the same."""
    job = lives.waiting()
    brief = Ledger(ledger.redis, ledger.settings.model_copy(update={"lease_s": 0.01}))
    brief.claim(lives.queue, "worker-1")
    time.sleep(0.05)
    output = millrace("jobs", "show", job.id).stdout
    assert re.match(r"ended 0\.\d s ago: the keeper", told(output, "lease"))
    assert told(output, "worker") == "worker-1, which does not report"


def test_a_worker_whose_process_ended_is_told(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """Where the kernel knows it: on the same machine."""
    job = lives.waiting()
    lives.claimed()
    gone = report(lives, pid=2**22 + 1, host=hosts.this_host(), born=1)
    Roster(ledger.redis, ledger.settings).report(lives.queue, "worker-1", gone)
    output = millrace("jobs", "show", job.id).stdout
    assert told(output, "worker") == "worker-1, whose process has ended"


def test_a_job_that_was_asked_to_stop_says_so(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """It runs until its worker obeys."""
    job = lives.waiting()
    lives.claimed()
    ledger.cancel(job.id, lives.queue)
    assert told(millrace("jobs", "show", job.id).stdout, "state") == "running, asked to stop"


def test_a_finished_job_tells_what_it_took(millrace: Millrace, lives: Lives) -> None:
    """Tokens and times, a line per kind of event, and nothing of the answer."""
    output = millrace("jobs", "show", lives.done(), "--events").stdout
    assert told(output, "took in") == "7 tokens (2 of them cached)"
    assert told(output, "gave out") == "3 tokens"
    assert re.search(r"\d\d:\d\d:\d\d UTC \(0\.\d s ago\), ran 0\.\d s", told(output, "ended"))
    assert re.fullmatch(r"\d+ min", told(output, "kept for"))
    events = output.partition("Events")[2]
    assert re.findall(r"^ *(\S+) {2}(\w+)", events, re.MULTILINE) == [
        *(("events", "kind"), ("1", "started"), ("2-4", "tokens"), ("5", "finished")),
        ("6", "done"),
    ]
    assert f"3 tokens, {len(''.join(ANSWER))} characters, 1 choice" in events
    assert ANSWER[0] not in output


def test_content_is_shown_to_who_asks_for_it(millrace: Millrace, lives: Lives) -> None:
    """What the client wrote, and the answer in one piece."""
    output = millrace("jobs", "show", lives.done(metadata={"a": "b"}), "--content").stdout
    assert told(output, "user") == SECRET
    assert told(output, "metadata a") == "b"
    assert told(output, "answer 0") == "".join(ANSWER)


def test_content_cannot_command_the_terminal(millrace: Millrace, lives: Lives) -> None:
    """Control characters are written out, line breaks stay, brackets are no markup."""
    job = lives.waiting(messages=(Message("user", "[red]a\x1b[2J\nb\x9b\r"),))
    output = millrace("jobs", "show", job.id, "--content").stdout
    assert told(output, "user") == "[red]a\\x1b[2J"
    assert re.search(r"^ +b\\x9b\\r$", output, re.MULTILINE)


def test_an_answer_is_shown_as_far_as_it_has_come(millrace: Millrace, lives: Lives) -> None:
    """By choice."""
    lives.waiting()
    claim = lives.claimed()
    lives.say(claim, Started(1), Token(1, (1,), "one"), Token(0, (2,), "zero"), Token(1, (3,), "s"))
    output = millrace("jobs", "show", claim.job_id, "--content").stdout
    assert told(output, "answer 0") == "zero"
    assert told(output, "answer 1") == "ones"


def test_an_error_is_told(millrace: Millrace, lives: Lives) -> None:
    """With its message, which is ours."""
    job_id = lives.failed(Failed("model_error", "It could not be computed."))
    output = millrace("jobs", "show", job_id).stdout
    assert told(output, "error") == "model_error: It could not be computed."


def test_an_error_that_may_quote_the_request_is_content(millrace: Millrace, lives: Lives) -> None:
    """Its code is told to everybody."""
    job_id = lives.failed(Failed("invalid_value", f"Not {SECRET}.", "messages"))
    plain = millrace("jobs", "show", job_id, "--events").stdout
    assert told(plain, "error") == "invalid_value"
    assert SECRET not in plain
    assert f"Not {SECRET}." in millrace("jobs", "show", job_id, "--content").stdout


def test_a_webhook_is_shown_without_its_secrets(millrace: Millrace, lives: Lives) -> None:
    """They are before its host and in its query."""
    job = lives.waiting(webhook_url="https://user:word@example.org/hook?token=word")
    output = millrace("jobs", "show", job.id).stdout
    assert told(output, "webhook") == "https://example.org/hook, 0 tries"


def test_a_job_of_a_newer_release_is_shown_without_its_request(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """The bookkeeping is readable all the same."""
    job = lives.waiting()
    ledger.redis.hset(ledger.keys.job(job.id), "version", 99)
    result = millrace("jobs", "show", job.id, "--content")
    assert result.exit_code == 0, result.output
    assert told(result.stdout, "model") == lives.model
    assert "newer release" in told(result.stdout, "request")


def test_a_log_that_is_no_longer_kept_is_told(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """The record outlives it."""
    job_id = lives.done()
    ledger.redis.delete(ledger.keys.log(job_id))
    result = millrace("jobs", "show", job_id, "--events", "--content")
    assert result.exit_code == 0, result.output
    assert told(result.stdout, "events") == "6, no longer kept"


def test_a_listener_that_is_needed_is_told(millrace: Millrace, lives: Lives) -> None:
    """And how long it may be silent."""
    output = millrace("jobs", "show", lives.waiting(listened=True).id).stdout
    assert re.fullmatch(r"must give a sign within (29|30) s", told(output, "listener"))


@pytest.mark.parametrize("command", ["show", "cancel", "retry"])
def test_an_unknown_job_is_one_clear_line(millrace: Millrace, command: str) -> None:
    """Status 1, nothing on stdout."""
    result = millrace("jobs", command, "nobody")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("There is no job 'nobody'")
    assert result.stderr.count("\n") == 1
