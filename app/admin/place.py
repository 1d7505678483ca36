"""The admin API's parts, put together once per application."""

from __future__ import annotations

from app.admin.cache_room import CacheRoom
from app.admin.changes import Changes
from app.admin.forgetting import Forgetting
from app.admin.key import AdminKey
from app.admin.slots import Slots
from app.admin.survey import Survey
from app.questions import Questions
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.model import Model

# Whoever looks at slots wants to see them now: a worker that is this slow is told apart.
SLOTS_TIMEOUT_S = 2.0


class Admin:
    """What the routes of ``/admin``, ``/props`` and ``/slots`` work with."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        timeout_s = min(settings.check_timeout_s, SLOTS_TIMEOUT_S)
        self.gateway = gateway
        self.key = AdminKey(settings.admin_key)
        self.survey = Survey(gateway)
        self.changes = Changes(gateway, self.survey, settings.allowed_folders)
        self.slots = Slots(gateway, Questions(gateway.celery, gateway.ledger, timeout_s))
        self.cache = CacheRoom(settings, gateway.ledger)

    def forgetting(self, model: Model, *, force: bool) -> Forgetting:
        """The way out of a model that was added at run time."""
        return Forgetting(self.gateway, self.survey, model, force=force)
