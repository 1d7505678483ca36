"""``Images.read``: a URL to the bytes of a picture that is known to be whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import gevent.monkey
from gevent.threadpool import ThreadPool

from app.images import data_url
from app.images.check import check
from app.images.fetch import Fetcher
from app.images.limits import DEFAULT_LIMITS, Limits
from app.images.refusal import ImageRefused

DECODERS = 2
"""Images that are decoded at once: more would take no less time, and more memory."""


@dataclass(frozen=True, slots=True)
class Images:
    """What is read of images, and how; without a ``fetcher`` only data URLs are."""

    limits: Limits = DEFAULT_LIMITS
    fetcher: Fetcher | None = None

    def read(self, url: str) -> bytes:
        """The image file that ``url`` stands for; ``ImageRefused`` when it is none to be used."""
        data = self._content(url)
        _beside(lambda: check(data, self.limits))
        return data

    def _content(self, url: str) -> bytes:
        if data_url.is_data_url(url):
            return data_url.decode(url, self.limits.bytes)
        if not url[:8].lower().startswith(("http://", "https://")):
            ways = "a data URL" if self.fetcher is None else "a data URL or an https URL"
            raise ImageRefused("invalid_image_url", f"it is no URL of an image: send {ways}")
        if self.fetcher is None:
            raise ImageRefused(
                "invalid_image_url",
                "this server fetches no images (MILLRACE_IMAGE_FETCH is off): send the file itself,"
                " as a data URL",
            )
        return self.fetcher.get(url, self.limits.bytes)


def _beside(work: Callable[[], None]) -> None:
    """Do ``work`` in a real thread where greenlets share this one, which decoding would hold up."""
    if gevent.monkey.is_module_patched("threading"):
        _decoders().apply(work)
    else:
        work()


@cache
def _decoders() -> ThreadPool:
    """One pool per process; made at the first image, when the process has been forked."""
    return ThreadPool(DECODERS)
