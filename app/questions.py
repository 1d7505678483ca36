"""Questions to a model's worker (``tasks.questions``): it answers while it generates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
import structlog
from celery import Celery
from kombu.pidbox import Mailbox

from tasks.errors import from_code
from tasks.ledger import Ledger
from tasks.questions import QUESTION_TTL_MS

log = structlog.get_logger(__name__)


class Questions:
    """Asks over a connection of its own each time.

    Celery's own way takes a producer from a pool that is not for greenlets (``tasks.tickets``):
    with forty long prompts at once it raised LimitExceeded.
    """

    def __init__(self, celery: Celery, ledger: Ledger, timeout_s: float) -> None:
        self._celery = celery
        self._ledger = ledger
        self._timeout_s = timeout_s
        self._ttl_ms = max(QUESTION_TTL_MS, int(timeout_s * 1_000))

    def ask(self, node: str, command: str, question_id: str, question: bytes) -> bytes | None:
        """What ``node`` answers; raises its refusal. None when no answer came in time.

        Redis's own errors come out: whoever asks would wait for it again with the next step.
        """
        try:
            reply = self._call(node, command, question_id, question)
            answer = self._take_away(question_id)
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - the lane may fail in any way; no answer then
            log.warning("no answer", command=command, job=question_id, error=type(error).__name__)
            return None
        if "code" in reply:
            raise from_code(reply["code"], reply["message"], reply["param"])
        if not reply.get("answered"):
            log.warning("no answer", command=command, job=question_id, reply=reply.get("error"))
            return None
        return answer

    def inspect(self, nodes: Sequence[str], command: str) -> dict[str, Any]:
        """What each of ``nodes`` says to a command that asks nothing, by node.

        One that does not answer in time is left out. Redis's own errors come out.
        """
        try:
            return self._ask(nodes, command, {})
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - the lane may fail in any way; no answer then
            log.warning("no answer", command=command, error=type(error).__name__)
            return {}

    def _call(self, node: str, command: str, question_id: str, question: bytes) -> dict[str, Any]:
        key = self._ledger.keys.question(question_id)
        self._ledger.redis.set(key, question, px=self._ttl_ms)
        answer = self._ask([node], command, {"question": question_id}).get(node)
        return answer if isinstance(answer, dict) else {}

    def _ask(self, nodes: Sequence[str], command: str, named: dict[str, str]) -> dict[str, Any]:
        with self._celery.connection_for_write() as connection:
            mailbox: Any = Mailbox("celery", type="fanout", accept=["json"], serializer="json")
            replies = mailbox(connection).call(list(nodes), command, named, timeout=self._timeout_s)
        return {node: answer for reply in replies or () for node, answer in reply.items()}

    def _take_away(self, question_id: str) -> bytes | None:
        # What nobody asks for any more must not be answered either: the key goes in any case.
        taken: bytes | None = self._ledger.redis.getdel(self._ledger.keys.question(question_id))
        return taken
