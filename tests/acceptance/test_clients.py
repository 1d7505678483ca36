"""Clients that nobody changed for us speak with the real stack: the programs of examples/clients.

Each prints a line a thing it did; what the model says is its own affair.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.stack import Stack

CLIENTS = Path(__file__).resolve().parents[2] / "examples" / "clients"
DID_EVERYTHING = re.compile(
    r"chat: \S.*\nstream: \S.*\ntool: weather \{.*city.*\}\n(schema: name=.*\n)?"
    r"embeddings: 2 of 384 numbers",
    re.DOTALL,
)


def run(stack: Stack, *command: str | Path, folder: Path = CLIENTS, path: str = "") -> str:
    """What the program prints that speaks with ``stack``; it must succeed."""
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{stack.url}/v1",
        "OPENAI_API_KEY": "none",
        "PATH": f"{path}:{os.environ['PATH']}",
        # Otherwise LiteLLM asks the internet for prices, three times, before it begins.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs in Node beside what package-lock.json names."""
    folder = tmp_path_factory.mktemp("node")
    for file in [*CLIENTS.glob("package*.json"), *CLIENTS.glob("*.mjs")]:
        shutil.copy(file, folder)
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=100)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with the clients' packages, which ask for other versions than ours."""
    folder = tmp_path_factory.mktemp("clients") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = (folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check")
    named = ("-r", CLIENTS / "requirements.txt", "-c", CLIENTS / "constraints.txt")
    subprocess.run([*pip, *named], check=True, timeout=300)
    return folder / "bin" / "python"


def test_openais_python_client_does_everything(stack: Stack) -> None:
    """Whole, streamed, a tool, an object by schema, embeddings."""
    assert DID_EVERYTHING.match(run(stack, sys.executable, "openai_python.py"))


def test_openais_node_client_does_everything(stack: Stack, node_folder: Path) -> None:
    """Whole, streamed, a tool, embeddings."""
    assert DID_EVERYTHING.match(run(stack, "node", "openai_node.mjs", folder=node_folder))


def test_the_vercel_ai_sdk_does_everything(stack: Stack, node_folder: Path) -> None:
    """Whole, streamed, a tool, embeddings."""
    assert DID_EVERYTHING.match(run(stack, "node", "vercel_ai.mjs", folder=node_folder))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "program", ["langchain_openai_client.py", "llama_index_client.py", "litellm_client.py"]
)
def test_other_python_clients_do_everything(stack: Stack, python: Path, program: str) -> None:
    """Whole, streamed, a tool, embeddings."""
    assert DID_EVERYTHING.match(run(stack, python, program))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_command_llm_answers_whole_and_streamed(stack: Stack, python: Path) -> None:
    """`llm`, told of the server in its own file of models."""
    said = run(stack, "./llm_client.sh", path=str(python.parent))
    assert re.match(r"chat: \S.*\nstream: \S", said)
