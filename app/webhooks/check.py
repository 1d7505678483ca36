"""The check of ``webhook_url`` while a request is read: no job is accepted that cannot be told."""

from __future__ import annotations

from app.openai.errors import BadRequest, Unsupported
from app.outbound.address import AllowedHosts, Forbidden, check_literal, parse_url

PARAM = "webhook_url"
WEBHOOK_HOSTS = "MILLRACE_WEBHOOK_HOSTS"
"""The setting that names the private hosts which webhooks may go to."""


def check_webhook_url(
    url: str,
    *,
    signs: bool,
    allowed: AllowedHosts,
    instead: str = "for the job at /v1/jobs/{id}",
) -> None:
    """Raise what the client is told when nothing may or can be sent to ``url``.

    ``signs`` is whether the server has a secret to sign with. A name is not resolved here: it
    would hold up the request, and may point elsewhere when the job ends. ``instead`` is what
    may be asked without webhooks.
    """
    if not signs:
        raise Unsupported(
            f"This server sends no webhooks: set MILLRACE_WEBHOOK_SECRET on it, or ask {instead}.",
            param=PARAM,
        )
    try:
        check_literal(parse_url(url), allowed)
    except Forbidden as refusal:
        raise BadRequest(f"Nothing is sent to this webhook_url: {refusal}.", param=PARAM) from None
