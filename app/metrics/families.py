"""Building families of samples: one short line for each number that is read."""

from __future__ import annotations

from tasks.measures import Family, Kind, Sample


class Families:
    """Families under construction, by name; in the order in which they were begun."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[Kind, str, list[Sample]]] = {}

    def gauge(self, name: str, text: str, value: float | None, **labels: str) -> None:
        """A number of now; None is no number, though the family is known."""
        samples = self._samples("gauge", name, text)
        if value is not None:
            samples.append(_sample(name, value, labels))

    def counter(self, name: str, text: str, value: float | None, **labels: str) -> None:
        """A number that only rises; ``name`` is without the ending."""
        samples = self._samples("counter", name, text)
        if value is not None:
            samples.append(_sample(f"{name}_total", value, labels))

    def built(self) -> list[Family]:
        """All of them."""
        return [
            Family(f"millrace_{name}", kind, text, tuple(samples))
            for name, (kind, text, samples) in self._begun.items()
        ]

    def _samples(self, kind: Kind, name: str, text: str) -> list[Sample]:
        return self._begun.setdefault(name, (kind, text, []))[2]


def _sample(name: str, value: float, labels: dict[str, str]) -> Sample:
    return Sample(f"millrace_{name}", tuple(sorted(labels.items())), float(value))
