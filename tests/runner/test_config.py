"""supervisord's configuration."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import pytest

from runner.config import prepare_folders, render
from runner.errors import CannotStart
from runner.parts import Part, Stage, all_parts
from runner.settings import RunnerSettings


def parsed(text: str) -> RawConfigParser:
    """Read as supervisord reads it, comments included."""
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(text)
    return parser


def rendered(settings: RunnerSettings, screen: str | None = "/dev/stdout") -> RawConfigParser:
    return parsed(render(settings, all_parts(settings), Path("/srv"), screen))


def test_percent_signs_survive(tmp_path: Path) -> None:
    """Celery's %h is doubled, because a single % starts an expansion of supervisord's."""
    command = rendered(RunnerSettings(data_dir=tmp_path))["program:keeper"]["command"]
    assert "keeper@%%h" in command


def test_redis_starts_first_and_stops_last(tmp_path: Path) -> None:
    """Priorities put Redis before the workers, those before the API; the stop is the reverse."""
    config = rendered(RunnerSettings(data_dir=tmp_path))
    priority = {
        name: config.getint(group, "priority")
        for group in config.sections()
        if group.startswith("group:")
        for name in config[group]["programs"].split(",")
    }
    assert priority["redis-queue"] == priority["redis-cache"]
    assert priority["redis-queue"] < priority["node"] < priority["api"]
    assert priority["keeper"] == priority["node"]


def test_parts_are_never_given_up(tmp_path: Path) -> None:
    """Everything but the announcer is restarted, for ever."""
    config = rendered(RunnerSettings(data_dir=tmp_path))
    for name in config.sections():
        if name.startswith("program:"):
            expected = "false" if name == "program:announcer" else "true"
            assert config[name]["autorestart"] == expected
            assert config.getint(name, "startretries") > 10**6
            assert config[name]["stopasgroup"] == config[name]["killasgroup"] == "true"


def test_only_the_announcer_writes_to_the_screen(tmp_path: Path) -> None:
    """The parts have rotated logs of their own."""
    config = rendered(RunnerSettings(data_dir=tmp_path))
    assert config["program:announcer"]["stdout_logfile"] == "/dev/stdout"
    assert config["program:api"]["stdout_logfile"] == str(tmp_path / "log" / "api.log")
    assert config["program:api"]["stdout_logfile_maxbytes"] != "0"


def test_announcer_falls_back_to_a_log(tmp_path: Path) -> None:
    """Where standard output cannot be opened by name, the announcer's lines go to its log."""
    config = rendered(RunnerSettings(data_dir=tmp_path), screen=None)
    assert config["program:announcer"]["stdout_logfile"].endswith("announcer.log")


def test_arguments_with_spaces_stay_one(tmp_path: Path) -> None:
    """An argument with spaces or quotes is quoted for supervisord's shlex."""
    part = Part("odd", ("run", "a b", "c'd"), Stage.API, settle_s=1, stop_s=1)
    text = render(RunnerSettings(data_dir=tmp_path), [part], Path("/srv"), None)
    assert parsed(text)["program:odd"]["command"] == """run 'a b' 'c'"'"'d'"""


def test_comment_marks_in_paths_are_refused(tmp_path: Path) -> None:
    """A path that supervisord would cut off at a comment mark is a message."""
    settings = RunnerSettings(data_dir=tmp_path / "a #b")
    with pytest.raises(CannotStart, match="cannot be used"):
        rendered(settings)


def test_data_folder_that_cannot_be_made_is_a_message(tmp_path: Path) -> None:
    """A data folder below a file names the variable that moves it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="MILLRACE_DATA_DIR"):
        prepare_folders(RunnerSettings(data_dir=tmp_path / "file" / "data"))
