"""A small world for the plan: nodes that follow their assignments, models that load and work.

Loading and work take steps, nodes report a few steps late, and what a child takes is what it was
offered with. Each step is a round of the placer; the rules that must always hold are checked in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.placement.picture import Facts, Memory, Plan, Queue
from app.placement.plan import plan
from tasks.fleet import Assignment, Child, NodeReport, Placement, Wish
from tasks.model import Model
from tasks.roster import Report
from tests.app.placement.pictures import MIB, NOW, a_node, carried_out, offers, seat

STEP_MS = 250
TURN_S = 2.0
LOAD_STEPS = 4
# A node's report is as old as that at worst.
REPORT_STEPS = 3
SLOTS = 2
# After so many rounds on the same picture nothing may be left to do.
ROUNDS_TO_REST = 5


@dataclass
class Job:
    """Work for so many steps."""

    steps: int
    came_ms: int


@dataclass
class Process:
    """A model's worker process."""

    model: Model
    began_ms: int
    loading: int = LOAD_STEPS
    draining: bool = False
    ready_ms: int = 0
    idle_ms: int = 0
    running: list[Job] = field(default_factory=list)


@dataclass
class Box:
    """A node: it does as it is told, and says so a little later."""

    name: str
    mib: int
    alive: bool = True
    processes: dict[str, Process] = field(default_factory=dict)
    report: NodeReport | None = None


class World:
    """Everything that the placer reads, and that follows what it writes."""

    def __init__(self, models: dict[Model, int], boxes: dict[str, int]) -> None:
        """``models`` with the MiB that each needs; ``boxes`` with the MiB that each may use."""
        self.models = list(models)
        self.needs = {model.name: mib for model, mib in models.items()}
        self.boxes = {name: Box(name, mib) for name, mib in boxes.items()}
        self.now_ms = NOW
        self.steps = 0
        self.waiting: dict[str, list[Job]] = {model.name: [] for model in models}
        self.wishes: dict[str, Wish] = {}
        self.assignments: dict[str, dict[str, Assignment]] = {}
        self.placements: dict[str, Placement] = {}
        self.memory = Memory()
        self.served = 0
        self.loads = 0
        # When a job of each model last began.
        self.began: dict[str, int] = dict.fromkeys(self.needs, 0)

    # ---- a step -----------------------------------------------------------------------------

    def step(self) -> Plan:
        """Everybody does what a quarter of a second is enough for."""
        self.now_ms += STEP_MS
        self.steps += 1
        for box in self.boxes.values():
            if box.alive:
                self._follow(box)
                self._work(box)
                if box.report is None or self.steps % REPORT_STEPS == 0:
                    box.report = self._report(box)
        before = self.facts()
        decided = plan(before)
        self._check_victims(before, decided)
        self._write(decided)
        self._check_room()
        self._check_rest()
        return decided

    # ---- what happens to it ---------------------------------------------------------------

    def ask(self, name: str, steps: int) -> None:
        """A request comes."""
        self.waiting[name].append(Job(steps, self.now_ms))

    def wish(self, name: str, wanted: bool, force: bool = False) -> None:
        """An admin loads or unloads."""
        self.wishes[name] = Wish(wanted, "admin", self.now_ms, force)

    def kill(self, node: str) -> None:
        """A node is gone with its workers; what they ran waits again."""
        box = self.boxes[node]
        for name, process in box.processes.items():
            self.waiting[name] = process.running + self.waiting[name]
        box.alive, box.report, box.processes = False, None, {}

    def revive(self, node: str) -> None:
        """It comes back, and knows nothing."""
        self.boxes[node].alive = True

    def unserved(self) -> list[str]:
        """The models that jobs wait for although a node could hold them."""
        placements = self.placements
        known = (name for name in self.waiting if self.waiting[name])
        return [n for n in known if n not in placements or placements[n].state != "unplaceable"]

    # ---- what is read -----------------------------------------------------------------------

    def facts(self) -> Facts:
        """What the placer reads now."""
        reports = {n: b.report for n, b in self.boxes.items() if b.alive and b.report}
        return Facts(
            now_ms=self.now_ms,
            turn_s=TURN_S,
            models=tuple(self.models),
            wishes=dict(self.wishes),
            queues={model.name: self._queue(model.name) for model in self.models},
            workers={model.name: self._workers(model.name) for model in self.models},
            nodes=reports,
            assignments={node: dict(given) for node, given in self.assignments.items()},
            placements=dict(self.placements),
            memory=self.memory,
        )

    def _write(self, decided: Plan) -> None:
        self.wishes |= {change.model: change.after for change in decided.wishes}
        self.assignments = {node: dict(given) for node, given in decided.assignments.items()}
        self.placements = dict(decided.placements)
        self.memory = decided.memory

    def _follow(self, box: Box) -> None:
        orders = self.assignments.get(box.name, {})
        for name in list(box.processes):
            process = box.processes[name]
            order = orders[name].order if name in orders else "drain"
            process.draining = process.draining or order != "serve"
            if order == "stop":
                self.waiting[name] = process.running + self.waiting[name]
                process.running = []
            if process.draining and not process.running:
                del box.processes[name]
        for name, assignment in orders.items():
            if assignment.order == "serve" and name not in box.processes:
                self.loads += 1
                box.processes[name] = Process(self.model(name), self.now_ms)

    def _work(self, box: Box) -> None:
        for name, process in box.processes.items():
            if process.loading:
                process.loading -= 1
                if not process.loading:
                    process.ready_ms = process.idle_ms = self.now_ms
                continue
            was_busy = bool(process.running)
            for job in process.running:
                job.steps -= 1
            self.served += sum(job.steps <= 0 for job in process.running)
            process.running = [job for job in process.running if job.steps > 0]
            while not process.draining and self.waiting[name] and len(process.running) < SLOTS:
                process.running.append(self.waiting[name].pop(0))
                self.began[name] = self.steps
                was_busy = True
            if was_busy:
                process.idle_ms = self.now_ms

    def model(self, name: str) -> Model:
        """The model of that name."""
        return next(model for model in self.models if model.name == name)

    def _queue(self, name: str) -> Queue:
        waiting = self.waiting[name]
        running = sum(len(b.processes[name].running) for b in self._with(name))
        oldest_ms = min((job.came_ms for job in waiting), default=self.now_ms)
        return Queue(len(waiting), running, (self.now_ms - oldest_ms) / 1000)

    def _with(self, name: str) -> list[Box]:
        return [box for box in self.boxes.values() if box.alive and name in box.processes]

    def _workers(self, name: str) -> tuple[Report, ...]:
        return tuple(self._worker(box, box.processes[name]) for box in self._with(name))

    def _worker(self, box: Box, process: Process) -> Report:
        ready = "draining" if process.draining else "ready"
        return Report(
            node=f"{process.model.name}@{box.name}",
            state="loading" if process.loading else ready,  # type: ignore[arg-type]
            pid=1,
            slots=SLOTS,
            context=100,
            expires_ms=self.now_ms + 6_000,
            fleet_node=box.name,
            busy=len(process.running),
            idle_ms=0 if process.running else process.idle_ms,
            since_ms=process.ready_ms or process.began_ms,
        )

    def _report(self, box: Box) -> NodeReport:
        children = [
            Child(
                model=name,
                device="cpu",
                fingerprint=process.model.fingerprint,
                state="stopping" if process.draining else "running",
                since_ms=process.began_ms,
                host_bytes=self.needs[name] * MIB,
            )
            for name, process in box.processes.items()
        ]
        seats = offers({model: (seat(self.needs[model.name]),) for model in self.models})
        return a_node(box.name, box.mib, *children, offers=seats)

    # ---- what must always hold ----------------------------------------------------------------

    def _check_room(self) -> None:
        """What lives on a node and what was promised a place there never exceed its budget."""
        for box in self.boxes.values():
            given = self.assignments.get(box.name, {})
            served = {name for name, each in given.items() if each.order == "serve"}
            if box.alive:
                taken = sum(self.needs[name] for name in served | set(box.processes))
                assert taken <= box.mib, f"{box.name}: {served} and {set(box.processes)}"

    def _check_victims(self, before: Facts, decided: Plan) -> None:
        """Pinned models stay; idle ones are evicted; a busy one leaves after its turn alone."""
        for change in decided.wishes:
            name, why = change.model, change.after.why
            if why == "evicted":
                queue = before.queues[name]
                assert queue.waiting == queue.running == 0
                assert all(report.state == "ready" for report in before.workers[name])
            if why in ("evicted", "turn"):
                assert not self.model(name).pinned
            if why == "turn":
                ready = [r.since_ms for r in before.workers[name] if r.state == "ready"]
                assert self.now_ms - min(ready) >= TURN_S * 1000

    def _check_rest(self) -> None:
        """On the same picture the plan is soon at rest: nothing swings to and fro."""
        moment = self.facts()
        for _ in range(ROUNDS_TO_REST):
            decided = plan(moment)
            after = carried_out(moment, decided)
            if after == moment:
                return
            moment = after
        raise AssertionError("the plan of one picture never comes to rest")
