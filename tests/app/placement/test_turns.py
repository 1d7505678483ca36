"""Who gives up its place for whom: idle models first, busy ones after their turn alone."""

from __future__ import annotations

import random

import pytest

from app.placement.picture import Facts, Queue
from app.placement.plan import plan
from tasks.fleet import Assignment, Wish
from tasks.model import Model
from tests.app.placement.pictures import (
    ADMIN,
    NOW,
    TURN_S,
    a_child,
    a_model,
    a_node,
    a_report,
    box,
    carried_out,
    facts,
    offers,
    orders,
    seat,
    wished,
)
from tests.app.placement.simulation import World

OLD, RECENT, ASKED = (a_model(name, preload=name != "asked") for name in ("old", "recent", "asked"))
WAITING = {"asked": Queue(waiting=1, oldest_wait_s=1)}
LATE = {"asked": Queue(waiting=1, oldest_wait_s=TURN_S + 1)}
BUSY = Queue(running=1)


def full(
    first: Model = OLD, second: Model = RECENT, *, idle_s: float | None = 60, **fields: object
) -> Facts:
    """A node full of two models, the first unused for longer; a request came for a third."""
    loaded = {first: a_report("a", idle_s=idle_s), second: a_report("a", idle_s=20)}
    least = {"queues": WAITING}
    return box(loaded, (ASKED,), **(least | fields))  # type: ignore[arg-type]


def test_a_request_evicts_the_model_that_was_unused_for_longest() -> None:
    """It drains, and the other stays; the new one waits until it has gone."""
    decided = plan(full())
    assert wished(decided) == {"asked": (True, "request"), "old": (False, "evicted")}
    assert orders(decided) == {"old": "drain", "recent": "serve"}
    assert decided.placements["asked"].state == "waiting"
    assert "old" in decided.placements["asked"].reason


def test_the_room_is_there_when_the_child_has_gone() -> None:
    """Until then nobody else has to leave for it; then it is taken."""
    evicted = carried_out(full(), plan(full()))
    again = plan(evicted)
    assert wished(again) == {}
    assert again.assignments == evicted.assignments
    gone = a_node("a", 250, a_child(RECENT), offers=evicted.nodes["a"].offers)
    decided = plan(carried_out(full(nodes={"a": gone}, assignments=again.assignments), again))
    assert orders(decided) == {"recent": "serve", "asked": "serve"}
    assert decided.placements["asked"].loads == 1


def test_a_child_that_is_leaving_takes_its_room_until_it_is_gone() -> None:
    """Whatever was ordered: its memory is not free."""
    leaving = full(assignments={"a": {"recent": Assignment("cpu")}})
    assert orders(plan(leaving)) == {"recent": "serve"}


@pytest.mark.parametrize(
    "busy", [{"old": BUSY}, {"old": Queue(waiting=1)}], ids=["running", "waiting"]
)
def test_a_model_in_use_is_not_evicted(busy: dict[str, Queue]) -> None:
    """Neither while jobs run nor while some wait, however long ago it said that it was idle."""
    decided = plan(full(queues=WAITING | busy))
    assert orders(decided) == {"old": "serve", "recent": "drain"}


def test_a_model_whose_worker_says_that_it_is_busy_is_not_evicted() -> None:
    """The queue may say otherwise for a moment."""
    assert orders(plan(full(idle_s=None))) == {"old": "serve", "recent": "drain"}


def test_a_pinned_model_is_not_evicted() -> None:
    """However long it was not used, and however long others wait."""
    pinned = a_model("old", pinned=True)
    for queues in (WAITING, LATE):
        assert orders(plan(full(pinned, queues=queues))) == {"old": "serve", "recent": "drain"}


def test_a_model_that_is_loading_is_not_evicted() -> None:
    """It would serve nobody, ever: neither before it reports nor while it loads."""
    loading = a_report("a", "loading", idle_s=60)
    for workers in ({"recent": (a_report("a", idle_s=20),)}, {"old": (loading,)}):
        moment = full(workers={"recent": (a_report("a", idle_s=20),)} | workers, queues=LATE)
        assert orders(plan(moment)) == {"old": "serve", "recent": "drain"}


def test_a_model_that_is_loading_elsewhere_is_not_evicted() -> None:
    """Not while one of its replicas is on its way."""
    moment = full(a_model("old", replicas=2))
    both = {**moment.assignments, "b": {"old": Assignment("cpu")}}
    loading = (a_report("a", idle_s=60), a_report("b", "loading"))
    decided = plan(
        full(
            a_model("old", replicas=2),
            nodes={**moment.nodes, "b": a_node("b", 50)},
            assignments=both,
            workers={"old": loading, "recent": (a_report("a", idle_s=20),)},
        )
    )
    assert orders(decided) == {"old": "serve", "recent": "drain"}


def test_two_requests_have_each_their_own_victim() -> None:
    """Room that is about to be free is not promised twice, and not given to a preload."""
    other, late = a_model("other", preload=False), a_model("late")
    loaded = {OLD: a_report("a"), RECENT: a_report("a")}
    queues = WAITING | {"other": Queue(waiting=1, oldest_wait_s=0.5)}
    decided = plan(box(loaded, (ASKED, other, late), mib=200, queues=queues))
    assert orders(decided) == {"old": "drain", "recent": "drain"}


def test_a_preload_does_not_take_the_room_that_a_request_waits_for() -> None:
    """There would be one more to leave."""
    seats = offers({OLD: (seat(100),), RECENT: (seat(100),), ASKED: (seat(200),)})
    node = a_node("a", 250, a_child(OLD), offers=seats)
    moment = facts(
        *(OLD, RECENT, ASKED),
        nodes={"a": node},
        assignments={"a": {"old": Assignment("cpu")}},
        workers={"old": (a_report("a", idle_s=None),)},
        queues=WAITING | {"old": BUSY},
    )
    assert orders(plan(moment)) == {"old": "serve"}


def test_only_as_many_leave_as_must() -> None:
    """A small one that was unused for longer is spared when a larger one makes the room alone."""
    small, large = a_model("small"), a_model("large")
    seats = offers({small: (seat(20),), large: (seat(200),), ASKED: (seat(150),)})
    node = a_node("a", 240, a_child(small, 20), a_child(large, 200), offers=seats)
    workers = {"small": (a_report("a", idle_s=90),), "large": (a_report("a", idle_s=30),)}
    both = {"small": Assignment("cpu"), "large": Assignment("cpu")}
    moment = facts(
        *(small, large, ASKED),
        nodes={"a": node},
        assignments={"a": both},
        workers=workers,
        queues=WAITING,
    )
    assert orders(plan(moment)) == {"small": "serve", "large": "drain"}


def test_the_node_is_chosen_where_the_fewest_leave() -> None:
    """One large model on b instead of two small ones on a."""
    one, two, large = a_model("one"), a_model("two"), a_model("large")
    seats = offers({one: (seat(50),), two: (seat(50),), large: (seat(100),), ASKED: (seat(100),)})
    nodes = {
        "a": a_node("a", 100, a_child(one, 50), a_child(two, 50), offers=seats),
        "b": a_node("b", 100, a_child(large, 100), offers=seats),
    }
    moment = facts(
        *(one, two, large, ASKED),
        nodes=nodes,
        assignments={
            "a": {"one": Assignment("cpu"), "two": Assignment("cpu")},
            "b": {"large": Assignment("cpu")},
        },
        workers={
            "one": (a_report("a", idle_s=90),),
            "two": (a_report("a", idle_s=90),),
            "large": (a_report("b", idle_s=1),),
        },
        queues=WAITING,
    )
    assert wished(plan(moment)) == {"asked": (True, "request"), "large": (False, "evicted")}


def test_among_equal_costs_the_longest_unused_leaves() -> None:
    """Wherever it is."""
    one, two = a_model("one"), a_model("two")
    seats = offers({one: (seat(100),), two: (seat(100),), ASKED: (seat(100),)})
    moment = facts(
        *(one, two, ASKED),
        nodes={
            "a": a_node("a", 150, a_child(one, 100), offers=seats),
            "b": a_node("b", 100, a_child(two, 100), offers=seats),
        },
        assignments={"a": {"one": Assignment("cpu")}, "b": {"two": Assignment("cpu")}},
        workers={"one": (a_report("a", idle_s=1),), "two": (a_report("b", idle_s=9),)},
        queues=WAITING,
    )
    assert orders(plan(moment), "b") == {"two": "drain"}


def test_an_admins_load_evicts_as_a_request_does() -> None:
    """Idle models only; it never ends a turn."""
    idle = full(queues={}, wishes={"asked": ADMIN})
    assert orders(plan(idle)) == {"old": "drain", "recent": "serve"}
    long_ago = Wish(wanted=True, why="admin", at_ms=0)
    used = full(queues={"old": BUSY, "recent": BUSY}, wishes={"asked": long_ago})
    decided = plan(used)
    assert orders(decided) == {"old": "serve", "recent": "serve"}
    assert decided.placements["asked"].state == "waiting"


def test_a_preload_evicts_nobody() -> None:
    """It has the room that is free, and says why it is not loaded."""
    decided = plan(box({OLD: a_report("a"), RECENT: a_report("a")}, (a_model("late"),)))
    assert decided.wishes == ()
    assert orders(decided) == {"old": "serve", "recent": "serve"}
    assert decided.placements["late"].state == "unloaded"
    assert "room" in decided.placements["late"].reason


def in_use(ready_s: float, queue: Queue = BUSY, *, asked: Queue = LATE["asked"]) -> Facts:
    """Both models on the full node are in use; the first is ready for so long."""
    workers = {
        "old": (a_report("a", idle_s=None, ready_s=ready_s),),
        "recent": (a_report("a", idle_s=None, ready_s=1),),
    }
    return full(workers=workers, queues={"old": queue, "recent": BUSY, "asked": asked})


def test_a_model_whose_turn_is_over_gives_its_place() -> None:
    """After the request waited for a turn; what runs is finished first."""
    decided = plan(in_use(TURN_S + 1))
    assert wished(decided) == {"asked": (True, "request"), "old": (False, "turn")}
    assert orders(decided) == {"old": "drain", "recent": "serve"}


def test_a_request_that_just_came_ends_no_turn() -> None:
    """Its own wait must have been as long as a turn."""
    decided = plan(in_use(TURN_S + 1, asked=Queue(waiting=1, oldest_wait_s=TURN_S - 1)))
    assert orders(decided) == {"old": "serve", "recent": "serve"}
    assert decided.placements["asked"].state == "waiting"


def test_a_turn_is_not_cut_short() -> None:
    """A model that has just come up serves for a turn."""
    assert orders(plan(in_use(TURN_S - 1))) == {"old": "serve", "recent": "serve"}


def test_a_turn_lasts_until_what_waited_first_is_served() -> None:
    """Unless that takes three turns."""
    waited_first = Queue(waiting=5, running=1, oldest_wait_s=2 * TURN_S)
    came_later = Queue(waiting=5, running=1, oldest_wait_s=TURN_S)
    assert orders(plan(in_use(1.5 * TURN_S, waited_first)))["old"] == "serve"
    assert orders(plan(in_use(1.5 * TURN_S, came_later)))["old"] == "drain"
    never = Queue(waiting=5, running=1, oldest_wait_s=9 * TURN_S)
    assert orders(plan(in_use(3 * TURN_S, never)))["old"] == "drain"


def test_a_model_that_was_put_to_rest_waits_its_turn() -> None:
    """Its own jobs want it back; they do not go before the model that it made room for."""
    rested = a_model("rested", preload=False)
    wishes = {
        "rested": Wish(wanted=True, why="request", at_ms=NOW - 1_000),
        "asked": Wish(wanted=True, why="request", at_ms=NOW - 15_000),
    }
    queues = {
        "rested": Queue(waiting=9, oldest_wait_s=300),
        "asked": Queue(waiting=1, oldest_wait_s=15),
    }
    moment = box({}, (rested, ASKED), mib=100, wishes=wishes, queues=queues)
    assert orders(plan(moment)) == {"asked": "serve"}


def test_a_large_model_is_not_passed_by_for_ever() -> None:
    """Once it has waited for a turn, nothing new goes where it needs the room."""
    small, large = a_model("small", preload=False), a_model("large", preload=False)
    seats = offers({OLD: (seat(100),), small: (seat(100),), large: (seat(250),)})
    node = a_node("a", 250, a_child(OLD), offers=seats)

    def waited(large_s: float) -> Facts:
        return facts(
            *(OLD, small, large),
            nodes={"a": node},
            assignments={"a": {"old": Assignment("cpu")}},
            workers={"old": (a_report("a", idle_s=None, ready_s=1),)},
            queues={
                "old": BUSY,
                "small": Queue(waiting=1, oldest_wait_s=0.1),
                "large": Queue(waiting=1, oldest_wait_s=large_s),
            },
        )

    assert orders(plan(waited(TURN_S - 1))) == {"old": "serve", "small": "serve"}
    assert orders(plan(waited(TURN_S + 1))) == {"old": "serve"}


def test_requests_are_placed_by_how_long_they_waited() -> None:
    """Before admins' loads, which are placed before preloads."""
    first, second = a_model("first", preload=False), a_model("second", preload=False)
    preload, loaded = a_model("preload"), a_model("loaded", preload=False)
    queues = {
        "first": Queue(waiting=1, oldest_wait_s=1),
        "second": Queue(waiting=1, oldest_wait_s=2),
    }
    models = (preload, loaded, first, second)
    for room, expected in (
        (100, {"second"}),
        (200, {"second", "first"}),
        (300, {"second", "first", "loaded"}),
        (400, {"second", "first", "loaded", "preload"}),
    ):
        moment = box({}, models, mib=room, queues=queues, wishes={"loaded": ADMIN})
        assert set(orders(plan(moment))) == expected


def test_under_constant_load_every_model_has_its_turn() -> None:
    """None waits longer than all the others' turns take, large or small."""
    sizes = {
        a_model(f"m{mib}.{i}", preload=False): mib for i, mib in enumerate((60, 120, 240, 240))
    }
    world = World(sizes, {"n": 300})
    drawn, longest = random.Random(7), 0
    for _ in range(600):
        for model in sizes:
            if drawn.random() < 0.6 and len(world.waiting[model.name]) < 12:
                world.ask(model.name, drawn.randint(1, 4))
        world.step()
        longest = max(longest, *(world.steps - began for began in world.began.values()))
    assert longest < 110
    assert world.loads < 80
