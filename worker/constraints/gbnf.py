"""From GBNF to the notation of llguidance, without a difference in what is accepted.

Every character becomes a lexeme of its own. Longer lexemes would be matched greedily, and
``[a-z]* "abc"`` could then never end; single characters leave nothing to be greedy about. A mask
inside a JSON string then costs 1.3 ms with 49,152 tokens, and elsewhere far less.
"""

from __future__ import annotations

from tasks.errors import InvalidJob
from worker.constraints.gbnf_parse import MOST_REPEATS, Malformed, parse
from worker.constraints.gbnf_tree import Chars, Choice, Node, Ref, Repeat, Seq, can_end, refs
from worker.constraints.references import MOST_LEVELS, depth, settled

PARAM = "grammar"
_MOST_CHARACTERS = 1_000_000
_ROOT = "root"
_MOST_IN_A_ROW = 1000
"""Parts of one sequence that are no plain characters: their cost grows with their square."""


def to_lark(source: str) -> str:
    """The grammar for llguidance; raises ``InvalidJob`` for one that cannot be followed."""
    try:
        rules = parse(source)
    except Malformed as error:
        raise _invalid(f"It cannot be read, {error}. Correct the grammar.") from error
    _require_sound(rules)
    names = {name: f"r{number}" for number, name in enumerate(rules)}
    lines = [f"{names[name]}: {_written(node, names)}" for name, node in rules.items()]
    written = "\n".join(["%llguidance {}", f"start: {names[_ROOT]}", *lines, ""])
    if len(written) > _MOST_CHARACTERS:
        raise _invalid("It is too large. Shorten the grammar.")
    return written


def _require_sound(rules: dict[str, Node]) -> None:
    if _ROOT not in rules:
        raise _invalid('It has no rule named "root". Name the rule of the whole answer so.')
    for name, node in rules.items():
        for missing in set(refs(node)) - rules.keys():
            raise _invalid(f"Rule {name!r} mentions {missing!r}, which is not defined. Define it.")
        if _longest_row(node) > _MOST_IN_A_ROW:
            raise _invalid(
                f"Rule {name!r} has more than {_MOST_IN_A_ROW} parts in a row. Use {{n}}."
            )
        if (times := _unrolled(node)) > MOST_REPEATS**2:
            raise _invalid(f"Rule {name!r} repeats repetitions {times} times. Lower the counts.")
    references = {name: list(dict.fromkeys(refs(node))) for name, node in rules.items()}
    if depth(references, {name: _levels(node) for name, node in rules.items()}) > MOST_LEVELS:
        raise _invalid(
            f"Its rules refer to one another more than {MOST_LEVELS} levels deep. Flatten them."
        )
    ending = settled(references, lambda name, found: can_end(rules[name], found))
    for name in rules.keys() - ending:
        raise _invalid(f"Rule {name!r} can never end. Give it a way out of its recursion.")


def _unrolled(node: Node) -> int:
    """How often the innermost of nested repetitions would have to be written out."""
    match node:
        case Repeat(part, least, most):
            return max(least, most or 1, 1) * _unrolled(part)
        case Seq(parts) | Choice(parts):
            return max(map(_unrolled, parts), default=1)
        case _:
            return 1


def _levels(node: Node) -> int:
    match node:
        case Repeat(part):
            return 1 + _levels(part)
        case Seq(parts) | Choice(parts):
            return 1 + max(map(_levels, parts), default=0)
        case _:
            return 1


def _longest_row(node: Node) -> int:
    match node:
        case Repeat(part):
            return _longest_row(part)
        case Choice(options):
            return max(map(_longest_row, options))
        case Seq(parts):
            row = sum(not isinstance(part, Chars) for part in parts)
            return max([row, *map(_longest_row, parts)])
        case _:
            return 0


def _written(node: Node, names: dict[str, str]) -> str:
    match node:
        case Chars(ranges, negated):
            return f"/[{'^' if negated else ''}{''.join(map(_range, ranges))}]/"
        case Ref(name):
            return names[name]
        case Seq(parts):
            return f"({' '.join(_written(part, names) for part in parts)})" if parts else '""'
        case Choice(options):
            return f"({' | '.join(_written(option, names) for option in options)})"
        case Repeat(part, least, most):
            inside = _written(part, names)
            inside = f"({inside})" if isinstance(part, Repeat) else inside
            return f"{inside}{{{least},{'' if most is None else most}}}"


def _range(bounds: tuple[int, int]) -> str:
    # As numbers, so that no character has a meaning of its own in either notation.
    low, high = bounds
    return f"\\x{{{low:X}}}" if low == high else f"\\x{{{low:X}}}-\\x{{{high:X}}}"


def _invalid(reason: str) -> InvalidJob:
    return InvalidJob(f"The grammar cannot be used. {reason}", param=PARAM)
