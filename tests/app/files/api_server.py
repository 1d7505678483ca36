"""The API as it is run: gunicorn, gevent, one process, on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2 as httpx
import psutil

from tasks.settings import QueueSettings
from tests.conftest import free_port

MODELS = '[[model]]\nname = "echo"\nkind = "chat"\nsource = "echo:"\n'


class ApiServer:
    """Started when it is made; its data folder is ``folder``."""

    def __init__(self, settings: QueueSettings, folder: Path, **extra: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        models = folder / "models.toml"
        models.write_text(MODELS)
        self._log = folder / "api.log"
        self._environment: Mapping[str, str] = os.environ | {
            "MILLRACE_QUEUE_URL": settings.queue_url,
            "MILLRACE_KEY_PREFIX": settings.key_prefix,
            "MILLRACE_API_PORT": str(self.port),
            "MILLRACE_DATA_DIR": str(folder),
            "MILLRACE_MODELS_FILE": str(models),
            **extra,
        }
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "-c", "app/gunicorn_conf.py"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "app:create_app()"], env=self._environment, stdout=log, stderr=log
            )
        for _ in range(400):
            assert self._process.poll() is None, self._log.read_text()
            try:
                if httpx.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self._log.read_text())

    @property
    def worker(self) -> psutil.Process:
        """The process that serves."""
        [worker] = psutil.Process(self._process.pid).children()
        return worker

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text()

    def signal_stop(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.signal_stop()
        self._process.wait(timeout=30)

    def kill(self) -> None:
        """kill -9, of both its processes."""
        family = [psutil.Process(self._process.pid), self.worker]
        for process in family:
            process.kill()
        self._process.wait()
        psutil.wait_procs(family, timeout=10)
