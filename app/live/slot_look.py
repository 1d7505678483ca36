"""Looking at what every slot does, as the workers say when they are asked."""

from __future__ import annotations

import structlog

from app.admin.slots import Slots, WorkerSlots
from app.admin.survey import Survey

log = structlog.get_logger(__name__)


class SlotLook:
    """Asks all ready workers at once; None when they cannot be asked."""

    def __init__(self, slots: Slots, survey: Survey) -> None:
        self._slots = slots
        self._survey = survey

    def __call__(self) -> list[WorkerSlots] | None:
        """What the slots do now."""
        try:
            return self._slots.of(list(self._survey.catalog()))
        except Exception as error:  # noqa: BLE001 - the broker is asked, which fails in many ways
            log.warning("the slots cannot be asked for", error=type(error).__name__)
            return None
