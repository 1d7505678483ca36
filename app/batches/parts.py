"""What the driver and its courses work with, put together in one place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from celery import Celery

from app.batches.book import Book
from app.files.blobs import store_of
from app.files.register import Register
from app.files.store import Store
from app.images.configured import images_of
from app.images.reading import Images
from app.settings import ApiSettings
from tasks.connection import Client
from tasks.gateway import Gateway
from tasks.live_catalog import LiveCatalog


@dataclass(frozen=True)
class Parts:
    """One set for a driver. ``now_s`` is the clock that batches expire by."""

    settings: ApiSettings
    client: Client
    book: Book
    gateway: Gateway
    store: Store
    register: Register
    images: Images = field(default_factory=Images)
    now_s: Callable[[], float] = time.time


def parts_of(settings: ApiSettings, client: Client, celery: Celery) -> Parts:
    """The parts as the settings have them; ``CatalogError`` while the catalog has a fault."""
    return Parts(
        settings=settings,
        client=client,
        book=Book(client, settings),
        gateway=Gateway(settings, LiveCatalog(settings, client), client=client, celery=celery),
        store=store_of(settings),
        register=Register(client, settings),
        # Nothing is fetched: an image would be waited for by all batches, and fetched twice.
        images=replace(images_of(settings), fetcher=None),
    )
