"""supervisord's configuration, written from the parts."""

from __future__ import annotations

import fcntl
import os
import pwd
import resource
import shlex
from itertools import groupby
from pathlib import Path

from runner.errors import CannotStart
from runner.parts import Part
from runner.redis_server import hold, servers
from runner.settings import PREFIX, RunnerSettings

# supervisord gives a part up after this many deaths at the start: in effect never.
RETRIES = 1_000_000_000
# An API process holds a descriptor per stream, and Debian's soft limit is 1,024.
DESCRIPTORS = 8192
STDOUT = 1
LOG_BYTES, LOG_FILES = "10MB", 3


def prepare_folders(settings: RunnerSettings) -> None:
    """Make the data folder, and see that no other Millrace uses it."""
    root = settings.data_dir
    try:
        for folder in (root, root / "log", root / "run", *(s.folder for s in servers(settings))):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for server in servers(settings):
            os.close(hold(server.folder))
    except OSError as error:
        raise CannotStart(
            f"cannot write to {root} ({error.strerror}); choose another: {PREFIX}DATA_DIR=..."
        ) from None


def write_config(settings: RunnerSettings, parts: list[Part]) -> Path:
    file = settings.data_dir.resolve() / "run" / "supervisord.conf"
    file.write_text(render(settings, parts, Path.cwd(), screen()))
    return file


def render(settings: RunnerSettings, parts: list[Part], folder: Path, screen: str | None) -> str:
    """The whole file: the supervisor, a program per part, a group per stage.

    supervisord stops one group after the other, the highest priority first, and the programs of
    a group together.
    """
    data = settings.data_dir.resolve()
    sections = [supervisor_section(data)]
    sections += [program_section(part, folder, data / "log", screen) for part in parts]
    ordered = sorted(parts, key=lambda part: part.stage)
    for stage, members in groupby(ordered, key=lambda part: part.stage):
        names = ",".join(part.name for part in members)
        options = {"programs": names, "priority": str(int(stage))}
        sections.append(section(f"group:stage-{stage.name.lower()}", options))
    return "\n".join(sections)


def supervisor_section(data: Path) -> str:
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    unlimited = hard_limit == resource.RLIM_INFINITY
    options = {
        "nodaemon": "true",
        "logfile": str(data / "log" / "supervisord.log"),
        "logfile_maxbytes": LOG_BYTES,
        "logfile_backups": str(LOG_FILES),
        "loglevel": "warn",
        "pidfile": str(data / "run" / "supervisord.pid"),
        "childlogdir": str(data / "log"),
        "minfds": str(DESCRIPTORS if unlimited else min(DESCRIPTORS, hard_limit)),
        "environment": 'PYTHONUNBUFFERED="1"',
    }
    if os.geteuid() == 0:
        # Said explicitly, or it warns on every start that nobody said it.
        options["user"] = pwd.getpwuid(0).pw_name
    return section("supervisord", options)


def program_section(part: Part, folder: Path, logs: Path, screen: str | None) -> str:
    shown = part.once and screen
    options = {
        "command": shlex.join(part.command),
        "directory": str(folder),
        "priority": str(int(part.stage)),
        "autorestart": "false" if part.once else "true",
        "startsecs": str(part.settle_s),
        "startretries": str(RETRIES),
        "stopsignal": "TERM",
        "stopwaitsecs": str(part.stop_s),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": screen if shown and screen else str(logs / f"{part.name}.log"),
        # A terminal or a pipe cannot be rotated.
        "stdout_logfile_maxbytes": "0" if shown else LOG_BYTES,
        "stdout_logfile_backups": "0" if shown else str(LOG_FILES),
    }
    return section(f"program:{part.name}", options)


def section(title: str, options: dict[str, str]) -> str:
    lines = [f"{key} = {escaped(value)}" for key, value in options.items()]
    return "\n".join([f"[{title}]", *lines, ""])


def escaped(value: str) -> str:
    """``%`` starts an expansion there, and `` ;`` or `` #`` a comment that nothing can quote."""
    if any(mark in value for mark in (" ;", " #", "\n")):
        raise CannotStart(f"{value!r}: a path with ' ;' or ' #' in it cannot be used")
    return value.replace("%", "%%")


def screen() -> str | None:
    """Where a supervised process can write to this one's standard output, if it can at all."""
    path = "/dev/stdout"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
        # Two descriptions of one file write over each other's lines unless both append.
        flags = fcntl.fcntl(STDOUT, fcntl.F_GETFL)
        fcntl.fcntl(STDOUT, fcntl.F_SETFL, flags | os.O_APPEND)
    except OSError:  # a socket, say: then the announcer's lines go to its log
        return None
    return path
