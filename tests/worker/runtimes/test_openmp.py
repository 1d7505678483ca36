"""How llama.cpp's threads wait."""

from __future__ import annotations

from worker.runtimes.llama import openmp


def test_the_short_spin_is_the_default() -> None:
    """Nobody chose: a model must not spin for the core that another one needs."""
    environ: dict[str, str] = {}
    openmp.settle(environ)
    assert environ == {"GOMP_SPINCOUNT": openmp.SPIN_ROUNDS}


def test_what_the_administrator_chose_stays() -> None:
    """Either variable of libgomp's."""
    for chosen in ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "passive"}):
        environ = dict(chosen)
        openmp.settle(environ)
        assert environ == chosen
