"""Structured logs, the same in every process: ids, sizes and durations, never prompts or keys."""

from __future__ import annotations

import logging
import sys

import structlog

from tasks.settings import QueueSettings

# Where Celery and kombu print a message whole when they drop it: the function that does, and what
# is said instead.
DROPS = {
    "celery.worker.consumer.consumer": {
        "on_unknown_task": "dropped a message: no such task",
        "on_unknown_message": "dropped a message: not a task",
        "on_invalid_task": "dropped a message: not a valid task",
        "on_decode_error": "dropped a message: its body cannot be decoded",
    },
    "kombu.transport.redis": {
        "_receive_one": "dropped a command to the workers: not JSON",
        "_do_restore_message": "dropped an unacked message: it cannot be put back",
    },
}


class WithoutContent(logging.Filter):
    """Keeps the place and the kind of a drop, and takes the message's content out of the line."""

    def __init__(self, drops: dict[str, str]) -> None:
        super().__init__()
        self._drops = drops

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record where it is one of the drops; always let it pass."""
        if (said := self._drops.get(record.funcName)) is not None:
            # The exception goes too: it may quote what it could not read.
            record.msg, record.args, record.exc_info = said, (), None
        return True


def configure_logs(settings: QueueSettings) -> None:
    """Send everything, the libraries' own logs too, to stderr in one format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json"
    last: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    for name in ("celery.worker.strategy", "celery.app.trace"):
        # Of every ticket they say what the handlers say of every job.
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, drops in DROPS.items():
        logger = logging.getLogger(name)
        logger.filters[:] = [WithoutContent(drops)]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
