"""What an answer cost: its tokens, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence as List

from tasks.events import Done, Timings, Usage
from worker.engine.sequence import Sequence


def done(sequences: List[Sequence]) -> Done:
    """The last event of a request whose ``sequences`` have all finished.

    A prompt counts once, however many choices it has; the others found it in memory.
    """
    n = sequences[0].request.n
    leaders = sequences[::n]
    prompt = sum(len(sequence.prompt) for sequence in leaders)
    cached = sum(min(sequence.cached, len(sequence.prompt)) for sequence in leaders)
    drawn = sum(sequence.finished.tokens for sequence in sequences if sequence.finished)
    return Done(Usage(prompt, drawn, cached), _timings(sequences, prompt, cached))


def _timings(sequences: List[Sequence], prompt: int, cached: int) -> Timings:
    clocks = [sequence.clock for sequence in sequences if sequence.clock.first_s]
    here = sum(sequence.drawn - len(sequence.resumed.ids) for sequence in sequences)
    return Timings(
        cache_n=cached,
        prompt_n=prompt - cached,
        prompt_ms=1000 * sum(clock.first_s - clock.began_s for clock in clocks),
        predicted_n=here,
        predicted_ms=1000 * sum(clock.last_s - clock.first_s for clock in clocks),
        draft_n=sum(sequence.guessed for sequence in sequences),
        draft_accepted_n=sum(sequence.guesses_held for sequence in sequences),
    )
