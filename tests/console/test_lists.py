"""``millrace jobs list`` and ``millrace jobs dead``."""

from __future__ import annotations

import json
import re

import pytest

from tasks.jobs import Priority
from tasks.ledger import Ledger
from tasks.records import Records
from tests.console.conftest import Millrace
from tests.console.lives import ANSWER, SECRET, Lives

STATES = ["queued", "running", "done", "failed", "cancelled", "expired"]


def ids(output: str) -> list[str]:
    """The ids that lines begin with."""
    return re.findall(r"^[0-9a-f]{32}", output, re.MULTILINE)


def test_the_newest_jobs_come_first_a_line_each(millrace: Millrace, lives: Lives) -> None:
    """With state, attempts, age, how long they ran, and the model."""
    older, newer = lives.done(), lives.waiting(priority=Priority.BATCH).id
    result = millrace("jobs", "list")
    assert result.exit_code == 0, result.output
    assert ids(result.stdout) == [newer, older]
    line = rf" {{2}}(\w+) +(\d) {{2}}\d\.\d s +(\S.*?) {{2}}{lives.model}$"
    told = re.findall(line, result.stdout, re.MULTILINE)
    assert [each[:2] for each in told] == [("queued", "0"), ("done", "1")]
    assert told[0][2] == "-"
    assert re.fullmatch(r"\d\.\d s", told[1][2])


def test_a_list_has_no_word_of_prompts_and_answers(millrace: Millrace, lives: Lives) -> None:
    """As a table or as JSON."""
    lives.done()
    lives.dead()
    for command in (["list"], ["list", "--json"], ["dead"], ["dead", "--json"]):
        output = millrace("jobs", *command).output
        assert lives.model in output
        assert SECRET not in output
        assert ANSWER[0] not in output


@pytest.mark.parametrize("state", STATES)
def test_a_list_of_one_state_has_no_other(millrace: Millrace, lives: Lives, state: str) -> None:
    """Of jobs in all six states one is found."""
    # Those that are claimed first, so that none claims what is to wait.
    made = {name: lives.in_state(name) for name in ["running", "done", "failed", *STATES[4:]]}
    made["queued"] = lives.in_state("queued")
    assert ids(millrace("jobs", "list", "--state", state).stdout) == [made[state]]


def test_jobs_of_all_owners_are_merged_by_age(millrace: Millrace, lives: Lives) -> None:
    """Owners are named as soon as there are two."""
    made = [lives.waiting(owner=owner).id for owner in ("ann", "bob", "ann")]
    result = millrace("jobs", "list")
    assert ids(result.stdout) == made[::-1]
    assert re.findall(r"(owner|ann|bob)$", result.stdout, re.MULTILINE) == [
        *("owner", "ann", "bob", "ann")
    ]
    assert ids(millrace("jobs", "list", "--owner", "bob").stdout) == [made[1]]
    assert ids(millrace("jobs", "list", "--owner", "nobody").stdout) == []


def test_a_list_that_is_cut_says_so(millrace: Millrace, lives: Lives) -> None:
    """On stderr, and only then."""
    made = [lives.waiting(owner=owner).id for owner in ("ann", "bob", "ann")]
    cut = millrace("jobs", "list", "--limit", "2")
    assert ids(cut.stdout) == made[:0:-1]
    assert "--limit" in cut.stderr
    assert millrace("jobs", "list", "--limit", "3").stderr == ""


def test_jobs_of_one_model_are_found(millrace: Millrace, lives: Lives) -> None:
    """By the name that the job was written with."""
    other = lives.waiting(model="another").id
    lives.waiting()
    assert ids(millrace("jobs", "list", "--model", "another").stdout) == [other]


def test_a_prefix_is_no_pattern(
    millrace: Millrace, lives: Lives, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever characters it has, its jobs are found, and those of no other installation."""
    lives.waiting()
    settings = ledger.settings.model_copy(update={"key_prefix": f"{lives.model}[x]*"})
    own = Ledger(ledger.redis, settings)
    job_id = Lives(own, Records(own.redis, settings), lives.upkeep).waiting().id
    monkeypatch.setenv("MILLRACE_KEY_PREFIX", settings.key_prefix)
    assert ids(millrace("jobs", "list").stdout) == [job_id]


def test_a_list_is_one_json_array(millrace: Millrace, lives: Lives) -> None:
    """Of the records' fields, priorities by name; a webhook's address may be a secret."""
    job = lives.waiting(webhook_url="https://example.org/hook-key", metadata={"a": SECRET})
    [record] = json.loads(millrace("jobs", "list", "--json").stdout)
    assert record["id"] == job.id
    assert record["state"] == "queued"
    assert record["priority"] == "interactive"
    assert record["started_s"] is None
    assert "hook-key" not in str(record)
    assert SECRET not in str(record)


def test_control_characters_of_a_model_reach_no_terminal(millrace: Millrace, lives: Lives) -> None:
    """They are written out."""
    lives.waiting(model="\x1b[2Jgone")
    assert "\\x1b[2Jgone" in millrace("jobs", "list").stdout


def test_dead_letters_tell_their_strikes_and_since_when(millrace: Millrace, lives: Lives) -> None:
    """The newest first; other failures are not among them."""
    lives.in_state("failed")
    older, newer = lives.dead(), lives.dead()
    result = millrace("jobs", "dead")
    assert result.exit_code == 0, result.output
    assert ids(result.stdout) == [newer, older]
    assert re.search(
        rf"^{newer} +3 +3 +0\.\d s +{lives.model} +local$", result.stdout, re.MULTILINE
    )
    assert ids(millrace("jobs", "dead", "--limit", "1").stdout) == [newer]


@pytest.mark.parametrize("wrong", [["--state", "lost"], ["--limit", "0"], ["--nonsense"]])
def test_a_wrong_option_is_bad_usage(millrace: Millrace, wrong: list[str]) -> None:
    """Status 2, and the option's name."""
    result = millrace("jobs", "list", *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr
