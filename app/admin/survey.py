"""Reading how the models and nodes stand. Nothing is changed from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.catalog import Catalog
from tasks.fleet import Child, NodeReport, Placement, Wish
from tasks.gateway import Gateway
from tasks.model import Model
from tasks.model_state import ModelStatus, state_of
from tasks.roster import Report


@dataclass(frozen=True, slots=True)
class Plans:
    """What is wished and planned, and the nodes that are alive."""

    nodes: Mapping[str, NodeReport]
    wishes: Mapping[str, Wish]
    placements: Mapping[str, Placement]


@dataclass(frozen=True, slots=True)
class Standing:
    """One model at one moment. ``reports`` are those of its queue's workers, ended ones left out
    unless they say why they failed; ``children`` its processes, by node.
    """

    model: Model
    of_file: bool
    status: ModelStatus
    wish: Wish | None
    placement: Placement | None
    reports: tuple[Report, ...]
    children: Mapping[str, Child]
    offers: tuple[str, ...]

    @property
    def serves(self) -> bool:
        """Whether a worker is ready that has the definition of now.

        One that no node keeps has its own: nobody starts it anew for another.
        """
        ready = [report for report in self.reports if report.state == "ready"]
        known = ("", self.model.fingerprint)
        return any(not report.fleet_node or report.fingerprint in known for report in ready)

    @property
    def living(self) -> list[Report]:
        """The workers whose process may live and hold memory."""
        return [report for report in self.reports if report.state != "failed"]

    @property
    def unloaded(self) -> bool:
        """Whether no process of it is left."""
        return not self.living and not self.children

    @property
    def offered(self) -> bool:
        """Whether every live node has said of the definition of now if it can serve it."""
        return bool(self.offers) and set(self.offers) == {self.model.fingerprint}


class Survey:
    """Reads through a gateway. Thread-safe, as it is."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def models(self) -> list[Standing]:
        """Every model, in the catalog's order."""
        catalog, plans = self.catalog(), self._plans()
        return [self._standing(model, plans) for model in catalog]

    def model(self, model: Model) -> Standing:
        """One model."""
        return self._standing(model, self._plans())

    def catalog(self) -> Catalog:
        """The models as they are now, also those that another process has just added."""
        return self._gateway.refreshed_catalog()

    def _plans(self) -> Plans:
        fleet = self._gateway.fleet
        return Plans(fleet.nodes(), fleet.wishes(), fleet.placements())

    def _standing(self, model: Model, plans: Plans) -> Standing:
        name, nodes = model.name, plans.nodes
        reports = self._gateway.roster.workers(model.queue)
        told = tuple(
            report
            for _, report in sorted(reports.items())
            if report.state == "failed" or not report.gone
        )
        wish, placement = plans.wishes.get(name), plans.placements.get(name)
        offers = [node.offers.get(name) for node in nodes.values()]
        return Standing(
            model=model,
            of_file=self._gateway.is_of_file(name),
            status=state_of(model, placement, wish, told, nodes),
            wish=wish,
            placement=placement,
            reports=told,
            children={n: node.children[name] for n, node in nodes.items() if name in node.children},
            offers=tuple(offer.fingerprint if offer else "" for offer in offers),
        )
