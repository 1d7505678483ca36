"""The catalog as administrators write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.catalog import Catalog, load_catalog, package_file
from tasks.errors import UnknownModel
from tasks.model import CatalogError
from tasks.settings import QueueSettings

ECHO = '[[model]]\nname = "e"\nkind = "chat"\nsource = "echo:"\n'


def catalog(tmp_path: Path, text: str, **settings: object) -> Catalog:
    """The catalog that ``text`` describes."""
    file = tmp_path / "models.toml"
    file.write_text(text)
    return load_catalog(QueueSettings.model_validate({"models_file": file} | settings))


def test_the_default_catalog_is_served_from_packages() -> None:
    """Both models of models.toml name files that are installed."""
    models = load_catalog(QueueSettings(models_file=Path("models.toml"))).models
    assert [model.queue for model in models] == ["chat.smollm2-135m", "embed.minilm-l6"]
    for model in models:
        assert package_file(model.source.removeprefix("package:")).is_file()


def test_a_model_is_found_by_name_and_alias(tmp_path: Path) -> None:
    """Both lead to the same entry; anything else is an ``UnknownModel``."""
    found = catalog(tmp_path, ECHO + 'aliases = ["x/y"]\n')
    assert found.find("x/y") is found.find("e")
    with pytest.raises(UnknownModel, match="'z' does not exist"):
        found.find("z")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[model", "models.toml"),
        (ECHO + "slots = 0\n", "slots"),
        (ECHO + 'slots = "many"\n', "slots"),
        (ECHO + "context = 1\n", "context"),
        (ECHO + "colour = 1\n", "colour"),
        (ECHO + ECHO, "used twice"),
        (ECHO.replace('"e"', '"a b"'), "no model name"),
        (ECHO.replace('"chat"', '"song"'), "kind"),
        (ECHO + "threads = -1\n", "threads"),
        (ECHO.replace("echo:", "path:x.onnx"), "onnx"),
        (ECHO.replace("echo:", "path:x.gguf").replace("chat", "embed"), "llama"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """The error says which file, and what in it."""
    with pytest.raises(CatalogError, match=complaint):
        catalog(tmp_path, text)


def test_a_missing_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    """No traceback for a path that is mistyped."""
    with pytest.raises(CatalogError, match="MILLRACE_MODELS_FILE"):
        load_catalog(QueueSettings(models_file=tmp_path / "none.toml"))


def test_the_environments_shortcuts_add_models(tmp_path: Path) -> None:
    """Two paths register a model each; ENGINE_WORKERS gives all their slots."""
    found = catalog(
        tmp_path,
        ECHO,
        LLAMA_MODEL_PATH="/m/a.gguf",
        ONNX_EMBEDDING_MODEL_PATH="/m/b.onnx",
        ENGINE_WORKERS=3,
    )
    assert [(m.name, m.slots) for m in found] == [
        ("e", 3),
        ("llama-cpp", 3),
        ("onnx-embedding", 3),
    ]


def test_a_queue_leads_to_its_model(tmp_path: Path) -> None:
    """A worker finds its model by its queue, and an unknown queue is an error."""
    found = catalog(tmp_path, ECHO)
    assert found.of_queue("chat.e").name == "e"
    with pytest.raises(CatalogError, match=r"chat\.e"):
        found.of_queue("chat.other")


@pytest.mark.parametrize("reference", ["no_such_package/x", "tasks/../setup.py", "tasks/none"])
def test_a_package_file_outside_or_missing_is_refused(reference: str) -> None:
    """A source cannot leave its package's folder."""
    with pytest.raises(CatalogError):
        package_file(reference)


def test_a_mere_folder_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in a folder beside the program is not reached as if it were installed."""
    (tmp_path / "mere_folder").mkdir()
    (tmp_path / "mere_folder" / "m.gguf").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CatalogError, match="is not installed"):
        package_file("mere_folder/m.gguf")
