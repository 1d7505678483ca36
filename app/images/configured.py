"""The settings' limits of images, and whether they are fetched, as ``Images`` has them."""

from __future__ import annotations

from app.images.fetch import Fetcher
from app.images.limits import Limits
from app.images.reading import Images
from app.outbound.address import AllowedHosts
from app.settings import ApiSettings


def images_of(settings: ApiSettings) -> Images:
    """How this server reads images."""
    limits = Limits(
        settings.image_limit_bytes,
        settings.image_limit_pixels,
        settings.image_limit_side,
        settings.image_limit_count,
    )
    if settings.image_fetch == "off":
        return Images(limits)
    return Images(limits, Fetcher(AllowedHosts.parse("MILLRACE_IMAGE_HOSTS", settings.image_hosts)))
