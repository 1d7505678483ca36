"""Standard Webhooks signatures: HMAC-SHA256 over id, time and body. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
# As Standard Webhooks states it.
KEY_BYTES = range(24, 65)
REMEDY = (
    f"MILLRACE_WEBHOOK_SECRET must be {PREFIX} and {KEY_BYTES[0]} to {KEY_BYTES[-1]} random bytes "
    'in base64: make one with `echo "whsec_$(openssl rand -base64 32)"`'
)


def key_of(secret: str) -> bytes:
    """The key in ``whsec_<base64>``; ``ValueError`` with the remedy for anything else."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(REMEDY) from None
    if not secret.startswith(PREFIX) or len(key) not in KEY_BYTES:
        raise ValueError(REMEDY)
    return key


def signed_headers(key: bytes, event_id: str, body: bytes, now_s: int) -> dict[str, str]:
    """The three headers by which a receiver knows who sent ``body``, when, and which event it is.

    The time is that of this try: receivers refuse what is older than five minutes.
    """
    content = b"%s.%d.%s" % (event_id.encode(), now_s, body)
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{signature}",
    }
