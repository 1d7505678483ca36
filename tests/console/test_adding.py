"""``millrace models add``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.model import Model
from tests.console.conftest import Millrace
from tests.console.fleets import Fleets
from tests.console.lives import Lives


def test_a_definition_is_kept_as_it_was_given(
    millrace: Millrace, fleets: Fleets, tmp_path: Path
) -> None:
    """Every field; not restricted, for whoever has this command line owns the machine."""
    result = millrace(
        *("models", "add", "m", "--source", "hf:o/r/m.gguf", "--kind", "multimodal"),
        *("--alias", "em", "--alias", "emm", "--mmproj", "hf:o/r/p.gguf", "--sha256", "0" * 64),
        *("--device", "cuda:1", "--slots", "3", "--context", "512", "--threads", "2"),
        *("--n-gpu-layers", "7", "--kv-type", "q8_0", "--no-flash-attention", "--ttl-s", "90"),
        *("--speculative", "4", "--max-waiting", "9", "--memory-mb", "800", "--preload"),
        *("--pinned", "--replicas", "2", "--runtime", "llama", "--tokenizer", "path:t.json"),
    )
    assert (result.exit_code, result.stdout) == (0, "m is added.\n")
    found = fleets.fleet.definitions()["m"]
    assert found.created_at > 0
    assert found == Model(
        name="m",
        kind="multimodal",
        source="hf:o/r/m.gguf",
        aliases=("em", "emm"),
        mmproj="hf:o/r/p.gguf",
        sha256="0" * 64,
        device="cuda:1",
        slots=3,
        context=512,
        threads=2,
        n_gpu_layers=7,
        kv_type="q8_0",
        flash_attention=False,
        ttl_s=90.0,
        speculative=4,
        max_waiting=9,
        memory_mb=800,
        preload=True,
        pinned=True,
        replicas=2,
        runtime="llama",
        tokenizer="path:t.json",
        created_at=found.created_at,
        restricted=False,
    )


def test_what_is_not_given_has_the_catalog_s_default(millrace: Millrace, fleets: Fleets) -> None:
    """But that it waits until it is asked for; adding it again changes it."""
    assert millrace("models", "add", "m", "--source", "echo:").exit_code == 0
    found = fleets.fleet.definitions()["m"]
    expected = Model(name="m", kind="chat", source="echo:", preload=False)
    assert found.fingerprint == expected.fingerprint
    assert not found.preload
    result = millrace("models", "add", "m", "--source", "echo:", "--slots", "2")
    assert result.stdout == "m is changed.\n"
    assert fleets.fleet.definitions()["m"].slots == 2


def test_a_file_that_lies_here_is_named_in_full(
    millrace: Millrace, fleets: Fleets, tmp_path: Path
) -> None:
    """A worker has another working folder; what is not here is meant for another machine."""
    (tmp_path / "m.gguf").touch()
    millrace("models", "add", "m", "--source", "path:m.gguf", "--tokenizer", "path:other.json")
    found = fleets.fleet.definitions()["m"]
    assert found.source == f"path:{tmp_path / 'm.gguf'}"
    assert found.tokenizer == "path:other.json"


def test_a_model_may_be_loaded_at_once(millrace: Millrace, fleets: Fleets) -> None:
    """It ends as a load does."""
    fleets.roster.report_keeper("k", 60)
    result = millrace("models", "add", "m", "--source", "echo:", "--load", "--timeout", "0")
    assert result.exit_code == 1
    assert result.stdout == "m is added.\n"
    assert fleets.fleet.wishes()["m"].wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m", "--source", "m.gguf"], "'m.gguf' is no model source"),
        (["m", "--source", "path:m.gguf", "--tokenizer", "t"], "'t' is no model source"),
        (["m", "--source", "echo:", "--slots", "0"], "slots must be 1 to 256"),
        (["m", "--source", "echo:", "--device", "tpu"], "device must be"),
        (["m m", "--source", "echo:"], "is no model name"),
        (["m", "--source", "x:/m.onnx"], "onnx runtime serves kind 'embed'"),
    ],
)
def test_a_definition_that_cannot_be_used_is_bad_usage(
    millrace: Millrace, fleets: Fleets, arguments: list[str], said: str
) -> None:
    """Status 2, and one line that says what is wrong."""
    result = millrace("models", "add", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert fleets.fleet.definitions() == {}


def test_a_name_of_the_file_is_not_taken(millrace: Millrace, lives: Lives, fleets: Fleets) -> None:
    """The file goes before: what were added would never be used."""
    for arguments in ([lives.model], ["m", "--alias", lives.model]):
        result = millrace("models", "add", *arguments, "--source", "echo:")
        assert result.exit_code == 1
        assert "models.toml" in result.stderr
    assert fleets.fleet.definitions() == {}


def test_a_name_of_another_model_is_not_taken(millrace: Millrace, fleets: Fleets) -> None:
    """Neither its own nor an alias."""
    fleets.model("other", aliases=("em",))
    for arguments in (["em"], ["m", "--alias", "em"], ["m", "--alias", "other"]):
        result = millrace("models", "add", *arguments, "--source", "echo:")
        assert result.exit_code == 1
        assert "is of the model 'other' already" in result.stderr
    assert list(fleets.fleet.definitions()) == ["other"]


def test_a_model_in_use_keeps_its_queue(millrace: Millrace, fleets: Fleets) -> None:
    """Its jobs would wait where nobody looks."""
    model = fleets.model("m")
    fleets.worker(model, "ready")
    change = ("models", "add", "m", "--source", "echo:", "--kind", "embed")
    result = millrace(*change)
    assert result.exit_code == 1
    assert "--forget" in result.stderr
    fleets.gone(model)
    assert millrace(*change).exit_code == 0
