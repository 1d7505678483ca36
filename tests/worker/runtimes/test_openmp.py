"""How llama.cpp's threads wait: what is chosen before libgomp is loaded."""

from __future__ import annotations

from worker.runtimes.llama import openmp


def test_a_long_spin_is_chosen_where_it_can_be_switched() -> None:
    """Both lengths are set, and ``waiting`` is told to switch between them."""
    environ: dict[str, str] = {}
    openmp.settle(environ, switchable=True)
    assert environ == {"GOMP_SPINCOUNT": openmp.LONG, "OMP_WAIT_POLICY": "active"}
    assert openmp.switches(environ)


def test_the_short_spin_is_chosen_elsewhere() -> None:
    """Nobody can switch: a model must not spin for the core that another one needs."""
    environ: dict[str, str] = {}
    openmp.settle(environ, switchable=False)
    assert environ == {"GOMP_SPINCOUNT": openmp.SHORT}
    assert not openmp.switches(environ)


def test_what_the_administrator_chose_stays() -> None:
    """Either variable of libgomp's, and nothing is switched then."""
    for chosen in ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "passive"}):
        environ = dict(chosen)
        openmp.settle(environ, switchable=True)
        assert environ == chosen
        assert not openmp.switches(environ)
