"""docker-compose.yml, proved by running it: ``python3 scripts/compose_check.py [--port 8000]``.

Builds the image, starts everything under a project name of its own, streams a chat, embeds, runs
a batch; kills the container of each service in turn while an answer is being streamed, and holds
the answer that was read to the one that the server keeps; kills a part inside its container, which
the restart policy must notice; takes everything down. Standard library only, and it needs no more
than ``docker compose``. Each line begins with the seconds since the start; the last one is the
verdict.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from scripts.compose_stack import BACK_WITHIN_S, EMBED, PROJECT, Failed, Stack, Stream, chat, docker

# In the order of what hurts least. Each is killed in the middle of a stream.
SERVICES = ("redis-cache", "keeper", "node", "api", "redis-queue")
ASKED = "Write the numbers from one to three hundred as words, one per line. Begin after: {}."
QUESTION = "Answer in one short sentence: what is the capital of France?"
LEAST_CHARACTERS = 200  # of an answer that was not over when its part was killed
# The part is the only child of the container's init, which ends with it.
KILL_PART = "kill -9 $(cat /proc/1/task/1/children)"
LOADED = "cat /proc/[0-9]*/maps | grep -o 'libggml-cpu-[a-z0-9]*' | sort -u"


def start(stack: Stack) -> None:
    """Build, refuse to start without a key, start."""
    stack.compose("build", "-q", "api")
    stack.say("built the image")
    stack.environment["MILLRACE_ADMIN_KEY"] = ""
    try:
        stack.compose("up", "-d", "--no-build")
    except Failed as refusal:
        stack.say("refused: " + str(refusal).strip().partition("missing a value: ")[2])
    else:
        raise Failed("it starts without a key")
    stack.environment["MILLRACE_ADMIN_KEY"] = stack.key
    stack.compose("up", "-d", "--no-build", "--wait")
    wait(stack, "both models", lambda: stack.told("GET", "/ready"))
    stack.say("everything is up, healthy, and both models are ready")


def show_containers(stack: Stack) -> None:
    """That none runs as root or can be written to, and none is reached from other machines."""
    for name in stack.compose("ps", "--format", "{{.Name}}").split():
        found = json.loads(docker("inspect", name))[0]
        host, user = found["HostConfig"], found["Config"]["User"]
        ports = [each for each in (found["NetworkSettings"]["Ports"] or {}).values() if each]
        published = [f"{one['HostIp']}:{one['HostPort']}" for each in ports for one in each]
        stack.say(
            f"  {name}: user {user}, read-only {host['ReadonlyRootfs']},"
            f" capabilities dropped {host['CapDrop']}, published {published or 'nothing'}"
        )
        if user.split(":")[0] in ("", "0", "root") or not host["ReadonlyRootfs"]:
            raise Failed(f"{name} has more rights than it needs")
        if "-redis-" in name and published:
            raise Failed(f"{name} can be reached from outside")
        if any(not each.startswith("127.0.0.1:") for each in published):
            raise Failed(f"{name} can be reached from other machines")


def answer(stack: Stack) -> None:
    """A streamed chat and an embedding."""
    began = time.monotonic()
    stream = Stream(stack, QUESTION, 24)
    stream.read(1)
    first_s = time.monotonic() - began
    stream.read()
    stack.say(f"chat, first piece after {first_s:.2f} s: {stream.text!r} ({stream.reason})")
    body = {"model": EMBED, "input": ["a mill race", "a water channel", "tax law"]}
    rows = [row["embedding"] for row in stack.told("POST", "/v1/embeddings", body)["data"]]
    near, far = (sum(map(float.__mul__, rows[0], row)) for row in rows[1:])
    stack.say(f"3 embeddings of {len(rows[0])} numbers; likeness {near:.2f} and {far:.2f}")
    if near <= far:
        raise Failed("the embeddings are wrong")
    loaded = stack.compose("exec", "-T", "node", "sh", "-c", LOADED)
    stack.say(f"on this CPU the node computes with {loaded}")


def batch(stack: Stack) -> None:
    """A file of requests goes in by the API, the keeper drives it, and a file of answers comes."""
    url = "/v1/chat/completions"
    lines = [
        {"custom_id": name, "method": "POST", "url": url, "body": chat(name, 8)} for name in "abc"
    ]
    body = {"input_file_id": stack.uploaded(lines), "endpoint": url, "completion_window": "24h"}
    made = stack.told("POST", "/v1/batches", body)["id"]

    def is_over() -> None:
        found = stack.told("GET", f"/v1/batches/{made}")
        if found["status"] != "completed" or found["request_counts"]["completed"] != len(lines):
            raise Failed(f"the batch is {found['status']}: {found['request_counts']}")

    wait(stack, "a batch", is_over)
    stack.say(f"a batch of {len(lines)} requests is completed")


def watch(stack: Stack) -> None:
    """Prometheus scrapes with its key and knows the rules; Flower sees the workers."""
    stack.compose("--profile", "monitoring", "up", "-d", "--no-build", "prometheus", "flower")

    def scraped() -> None:
        targets = stack.seen(1, "/api/v1/targets")["data"]["activeTargets"]
        if [target["health"] for target in targets] != ["up"]:
            raise Failed(f"Prometheus cannot scrape: {targets}")

    def watched() -> None:
        if len(stack.seen(2, "/api/workers?refresh=1", stack.key)) != 3:
            raise Failed("Flower does not see three workers")

    wait(stack, "Prometheus", scraped)
    groups = stack.seen(1, "/api/v1/rules")["data"]["groups"]
    tokens = stack.seen(1, "/api/v1/query?query=millrace_generation_tokens_total")["data"]
    stack.say(
        f"Prometheus scrapes the API; {sum(len(group['rules']) for group in groups)} rules;"
        f" generated tokens: {[row['value'][1] for row in tokens['result']]}"
    )
    wait(stack, "Flower", watched)
    stack.say(f"Flower sees {', '.join(stack.seen(2, '/api/workers', stack.key))}")


def kill(stack: Stack, service: str) -> None:
    """Kill a service's container while a stream runs, start it again; nothing of it is missing."""
    stream = Stream(stack, ASKED.format(service), 400)
    stream.read(8)
    docker("kill", f"{PROJECT}-{service}-1")
    # docker counts a kill as somebody's wish, and does not start the container again by itself.
    stack.compose("up", "-d", "--no-build")
    stream.read()
    if len(stream.text) < LEAST_CHARACTERS:
        raise Failed(f"the answer was over before {service} was: {stream.text!r}")
    wait(stack, service, lambda: kept_is(stack, stream))
    began = time.monotonic()
    wait(stack, service, lambda: stack.told("POST", "/v1/chat/completions", chat(service, 8)))
    stack.say(
        f"killed {service} in mid-stream: {stream.last} events without a gap"
        f" ({stream.cuts} cuts of the connection), {len(stream.text)} characters,"
        f" the same as is kept; next answer in {time.monotonic() - began:.1f} s"
    )


def kept_is(stack: Stack, stream: Stream) -> None:
    """The server keeps exactly what was streamed."""
    kept = stack.told("GET", f"/v1/jobs/{stream.job}")
    text = kept["result"]["choices"][0]["message"]["content"]
    if text != stream.text:
        raise Failed(f"streamed {stream.text!r}, kept {text!r}")


def crash(stack: Stack, service: str) -> None:
    """A part that dies by itself is brought back by the restart policy."""
    name = f"{PROJECT}-{service}-1"
    count = int(docker("inspect", "-f", "{{.RestartCount}}", name))
    stack.compose("exec", "-T", service, "sh", "-c", KILL_PART)

    def is_back() -> None:
        if int(docker("inspect", "-f", "{{.RestartCount}}", name)) <= count:
            raise Failed(f"{service} was not restarted")
        stack.told("POST", "/v1/chat/completions", chat(f"Hello, {service}!", 8))

    began = time.monotonic()
    wait(stack, service, is_back)
    stack.say(
        f"{service} died in its container: restarted, {time.monotonic() - began:.1f} s later"
        " the next answer"
    )


def wait(stack: Stack, what: str, done: Callable[[], object]) -> None:
    """Until ``done`` does not fail."""
    give_up = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            done()
            return
        except (Failed, OSError, http.client.HTTPException, KeyError) as error:
            if time.monotonic() > give_up:
                stack.say(stack.compose("ps", "-a"))
                raise Failed(f"{what}: not within {BACK_WITHIN_S} s: {error}") from error
            time.sleep(0.5)


def main() -> int:
    """0 when all of it was shown."""
    parser = argparse.ArgumentParser(description="Prove docker-compose.yml by running it.")
    parser.add_argument("--port", type=int, default=8000, help="of the API on 127.0.0.1")
    parser.add_argument(
        "--monitoring", action="store_true", help="Prometheus and Flower too, on the next ports"
    )
    asked = parser.parse_args()
    stack = Stack(asked.port)
    status = 1
    try:
        start(stack)
        answer(stack)
        batch(stack)
        if asked.monitoring:
            watch(stack)
        show_containers(stack)
        for service in SERVICES:
            kill(stack, service)
        for service in ("node", "api"):
            crash(stack, service)
        status = 0
    except Failed as failure:
        stack.say(f"FAILED: {failure}")
        stack.say(stack.compose("logs", "--no-color", "--tail", "15"))
    finally:
        stack.compose("--profile", "monitoring", "down", "-v", "--timeout", "30")
        left = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")
        stack.say(f"taken down; containers left: {left or 'none'}")
    stack.say("PASSED" if status == 0 else "FAILED")
    return status


if __name__ == "__main__":
    sys.exit(main())
