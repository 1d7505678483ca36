"""The metrics of a real place: true, whole, and never less than before, whoever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.stack import Stack, command_line
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
COUNTING = ("_total", "_bucket", "_count", "_sum")
_NAME = re.compile(r"\bmillrace_[a-z0-9_]+")

Scrape = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str) -> Scrape:
    """Every sample of a scrape, by its name and labels."""
    text = httpx.get(url, timeout=30).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(scraped: Scrape, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    wanted = set(labels.items())
    return sum(found for (each, had), found in scraped.items() if each == name and wanted <= had)


def chat(stack: Stack, model: str, text: str, tokens: int = 16) -> httpx.Response:
    """A whole answer."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
    }
    return httpx.post(f"{stack.url}/v1/chat/completions", json=body, timeout=90)


def metrics_of(stack: Stack) -> Scrape:
    """What the place says now."""
    return scrape(f"{stack.url}/metrics")


def eventually(stack: Stack, name: str, least: float, **labels: str) -> Scrape:
    """The first scrape in which a sum is as high: a worker's counts are up to 2 s behind."""
    give_up_at = time.monotonic() + 20
    while True:
        scraped = metrics_of(stack)
        if value(scraped, name, **labels) >= least:
            return scraped
        assert time.monotonic() < give_up_at, f"{name} {labels}: {value(scraped, name, **labels)}"
        time.sleep(0.3)


def assert_nothing_fell(before: Scrape, after: Scrape) -> None:
    """No counter, and no bucket of a histogram, is less than it was."""
    fallen = {
        key: (was, after.get(key))
        for key, was in before.items()
        if key[0].endswith(COUNTING) and after.get(key, 0.0) < was
    }
    assert not fallen


def test_what_was_asked_is_what_was_counted(stack: Stack) -> None:
    """Tokens, answers, requests and times of a few chats and embeddings, each exactly."""
    before = metrics_of(stack)
    answers = [chat(stack, "echo", f"one two three {number}").json() for number in range(3)]
    embedded = stack.client.embeddings.create(model="minilm-l6", input=["a cat", "a dog"])
    drawn = sum(answer["usage"]["completion_tokens"] for answer in answers)
    asked = sum(answer["usage"]["prompt_tokens"] for answer in answers)

    def rise(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    tokens = "millrace_generation_tokens_total"
    eventually(stack, tokens, value(before, tokens, model="echo") + drawn, model="echo")
    prompts = "millrace_prompt_tokens_total"
    least = value(before, prompts, model="minilm-l6") + embedded.usage.prompt_tokens
    after = eventually(stack, prompts, least, model="minilm-l6")
    assert rise(tokens, model="echo") == drawn
    assert rise(prompts, model="echo") == asked
    assert rise(prompts, model="minilm-l6") == embedded.usage.prompt_tokens
    assert rise("millrace_jobs_ended_total", model="echo", state="done") == 3
    assert rise("millrace_request_success_total", model="echo") == 3
    assert rise("millrace_job_attempts_total", model="echo", attempt="first") == 3
    assert rise("millrace_request_queue_time_seconds_count", model="echo") == 3
    assert rise("millrace_time_to_first_token_seconds_count", model="echo") == 3
    assert rise("millrace_e2e_request_latency_seconds_count", model="minilm-l6") == 1
    route = "/v1/chat/completions"
    assert rise("millrace_http_requests_total", route=route, status="200") == 3


def test_a_whole_answer_says_how_long_it_waited(stack: Stack) -> None:
    """In milliseconds, in a header."""
    waited = chat(stack, "echo", "hello").headers["x-queue-time-ms"]
    assert 0 <= int(waited) < 60_000


def test_no_label_holds_what_a_client_wrote(stack: Stack) -> None:
    """Neither an unknown model, nor a path, nor a method becomes a series."""
    chat(stack, "a-model-that-nobody-has", "hello")
    httpx.get(f"{stack.url}/v1/a-path-that-nobody-has")
    httpx.request("BREW", f"{stack.url}/v1/models")
    httpx.get(f"{stack.url}/v1/jobs/a-job-that-nobody-has")
    text = httpx.get(f"{stack.url}/metrics").text
    assert "that-nobody-has" not in text
    assert "BREW" not in text
    assert 'route="/v1/jobs/<job_id>"' in text


def test_a_killed_worker_takes_no_count_with_it(stack: Stack) -> None:
    """kill -9: what it had counted stays, its successor counts on top, and its death is counted."""
    chat(stack, "echo", "before the death")
    tokens = "millrace_generation_tokens_total"
    time.sleep(2.5)
    before = metrics_of(stack)
    pid = stack.kill("-Q chat.echo ")
    seen = [metrics_of(stack)]
    stack.wait_for("-Q chat.echo ", other_than=pid)
    drawn = chat(stack, "echo", "after the death").json()["usage"]["completion_tokens"]
    seen.append(
        eventually(stack, tokens, value(before, tokens, model="echo") + drawn, model="echo")
    )
    # Long enough for the dead one to be folded.
    time.sleep(6)
    seen.append(metrics_of(stack))
    for earlier, later in pairwise([before, *seen]):
        assert_nothing_fell(earlier, later)
    assert value(seen[-1], tokens, model="echo") == value(before, tokens, model="echo") + drawn
    assert value(seen[-1], "millrace_workers", model="echo", state="ready") == 1
    assert value(seen[-1], "millrace_slots", model="echo") == 32
    deaths = "millrace_worker_deaths_total"
    assert value(seen[-1], deaths, model="echo") == value(before, deaths, model="echo") + 1


def queries() -> Iterator[str]:
    """What the alerts and the dashboard ask for."""
    yield from re.findall(
        r"expr: (.+?)\n +(?:for|labels):", (DEPLOY / "prometheus" / "rules.yml").read_text(), re.S
    )
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "millrace.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_every_alert_and_every_panel_asks_for_what_there_is(stack: Stack) -> None:
    """Each name in their queries is in a scrape, after a chat, an embedding and a fault."""
    chat(stack, "echo", "hello")
    chat(stack, "", "hello")
    stack.client.embeddings.create(model="minilm-l6", input="hello")
    names = {name for query in queries() for name in _NAME.findall(query)}
    assert len(names) > 30
    eventually(stack, "millrace_embed_batch_inputs_count", 1)
    there = {name for name, _ in eventually(stack, "millrace_http_errors_total", 1)}
    assert names - there == set()


def test_the_documentation_has_every_name(stack: Stack) -> None:
    """Each family of a scrape with its kind, and none that there is not, but for GPUs."""
    rows = re.findall(
        r"^\| `(millrace_\w+)` \| (\w+) \| (.*?) \| ", (DOCS / "metrics.md").read_text(), re.M
    )
    text = httpx.get(f"{stack.url}/metrics").text
    there = set(re.findall(r"^# TYPE (millrace_\w+) (\w+)$", text, re.M))
    listed = {(name, kind) for name, kind, _ in rows}
    assert there - listed == set()
    assert {name for name, _ in listed - there} <= {
        "millrace_gpu_memory_bytes",
        "millrace_gpu_free_bytes",
    }
    labels = {name: set(re.findall(r"`(\w+)`", row)) for name, _, row in rows}
    for (name, had), _ in metrics_of(stack).items():
        family = re.sub("_(bucket|sum|count)$", "", name) if name not in labels else name
        assert {label for label, _ in had} - {"le"} <= labels[family], name


def test_the_admin_scrape_is_the_same_behind_its_key(stack: Stack) -> None:
    """``/admin/metrics`` has every name of ``/metrics``, and asks for the admin key."""
    refused = httpx.get(f"{stack.url}/admin/metrics")
    assert refused.status_code == 401
    text = stack.admin("GET", "metrics").text
    mine = {name for name, _ in metrics_of(stack)}
    theirs = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert mine - theirs == set()


@pytest.mark.slow
def test_two_api_processes_and_a_port_for_each(tmp_path: Path) -> None:
    """Whichever answers, totals only rise, also when one is killed; and each can be asked alone."""
    port = free_port()
    models = Path(__file__).parents[2] / "faults" / "fast.toml"
    extra = {"MILLRACE_API_WORKERS": "2", "MILLRACE_METRICS_PORTS": f"{port}-{port + 20}"}
    with Stack(tmp_path, models, extra) as place:
        place.start(120)
        answered = 0
        seen: list[Scrape] = []
        model = place.client.models.list().data[0].id
        for number in range(30):
            answered += chat(place, model, f"hello {number}").status_code == 200
            seen.append(metrics_of(place))
            if number == 15:
                os.kill(_api_worker(place), signal.SIGKILL)
                place.wait_ready(60)
        for earlier, later in pairwise(seen):
            assert_nothing_fell(earlier, later)
        ended = value(seen[-1], "millrace_jobs_ended_total", state="done")
        assert ended == answered == 30
        targets = place.admin("GET", "metrics/targets").json()
        parts = {target["labels"]["part"].partition("@")[0] for target in targets}
        assert {"api", "keeper", "node"} < parts
        own = [scrape(f"http://{target['targets'][0]}/metrics") for target in targets]
        assert sum(value(each, "millrace_generation_tokens_total") > 0 for each in own) == 1


def _api_worker(place: Stack) -> int:
    """The pid of a process that answers; the oldest of gunicorn's is the one that starts them."""
    mine = [each for each in place.processes() if "gunicorn" in command_line(each)]
    return max(mine, key=lambda each: each.create_time()).pid
