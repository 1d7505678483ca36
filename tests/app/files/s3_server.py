"""A server that speaks S3, on a free port, which a test may kill, freeze and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx2 as httpx

from tests.conftest import free_port

BUCKET = "bucket"
KEYS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-these-tests",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class S3Server:
    """moto's server; it forgets everything when it ends."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "s3.log"
        self.port = free_port()
        self.environment = KEYS | {"AWS_ENDPOINT_URL": f"http://localhost:{self.port}"}
        self.start()

    def start(self) -> None:
        """Start it, with an empty bucket."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-p", str(self.port)],
                stdout=log,
                stderr=log,
                env=os.environ | KEYS,
            )
        for _ in range(600):
            try:
                httpx.get(self.environment["AWS_ENDPOINT_URL"], timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def client(self) -> Any:
        """Another way to look at what is there."""
        return boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name=KEYS["AWS_DEFAULT_REGION"],
        )

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
