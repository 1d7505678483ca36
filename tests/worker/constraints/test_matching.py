"""The walk of one answer: masks, ends, and what happens off the path."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.errors import InvalidJob
from tasks.jobs import Form
from tests.worker.constraints.byte_model import CONTROL, END, FIRST_PIECE, TURN_END, ByteModel
from worker.constraints.forms import Grammars
from worker.constraints.matching import Walk

YES = Form("gbnf", 'root ::= "yes" "!"?')


def said(walk: Walk, text: str) -> Walk:
    """The walk after ``text``."""
    for token in text.encode():
        walk.accept(token)
    return walk


def test_mask_has_one_truth_value_per_token(grammars: Grammars, model: ByteModel) -> None:
    """It is as long as the vocabulary, and true for exactly the tokens that may come."""
    mask = grammars.of(YES)().mask()
    assert mask.dtype == np.bool_
    assert mask.shape == (model.vocabulary,)
    assert list(np.flatnonzero(mask)) == [ord("y")]


def test_every_end_is_allowed_where_the_grammar_ends(grammars: Grammars) -> None:
    """All of the model's end tokens may end a whole answer, and none an unfinished one."""
    walk = said(grammars.of(YES)(), "ye")
    assert not walk.mask()[[END, TURN_END]].any()
    walk.accept(ord("s"))
    assert list(np.flatnonzero(walk.mask())) == [ord("!"), END, TURN_END]


def test_complete_only_when_nothing_may_follow(grammars: Grammars) -> None:
    """An answer that may end but also go on is not complete."""
    walk = said(grammars.of(YES)(), "yes")
    assert not walk.complete
    walk.accept(ord("!"))
    assert walk.complete
    assert list(np.flatnonzero(walk.mask())) == [END, TURN_END]
    walk.accept(TURN_END)
    assert walk.complete


def test_control_tokens_are_never_allowed(grammars: Grammars) -> None:
    """Not even where any text is."""
    mask = grammars.of(Form("gbnf", "root ::= .*"))().mask()
    assert not mask[CONTROL]
    assert mask[FIRST_PIECE:].all()


def test_forbidden_token_is_refused(grammars: Grammars) -> None:
    """A token that the grammar does not have here is ``InvalidJob``, and so is an early end."""
    with pytest.raises(InvalidJob, match="cannot go on") as refused:
        grammars.of(YES)().accept(ord("n"))
    assert refused.value.param == "grammar"
    with pytest.raises(InvalidJob, match="before it is whole"):
        grammars.of(YES)().accept(END)
    with pytest.raises(InvalidJob, match="cannot go on"):
        said(grammars.of(YES)(), "yes!y")


def test_masks_outlive_the_next(grammars: Grammars) -> None:
    """A mask that the caller keeps does not change when the next one is made."""
    walk = grammars.of(YES)()
    first = walk.mask()
    kept = first.copy()
    walk.accept(ord("y"))
    walk.mask()
    assert (first == kept).all()


def test_choices_do_not_meet(grammars: Grammars) -> None:
    """Two walks of one grammar are apart."""
    constrain = grammars.of(YES)
    first, second = constrain(), constrain()
    said(first, "yes!")
    assert list(np.flatnonzero(second.mask())) == [ord("y")]


def test_the_same_tokens_lead_to_the_same_place(grammars: Grammars) -> None:
    """A later attempt that is given the tokens drawn so far goes on with the same mask."""
    form = Form("schema", '{"type": "array", "items": {"type": "integer"}}')
    first = said(grammars.of(form)(), "[12, 3")
    first.mask()
    again = said(Grammars(grammars._vocabulary).of(form)(), "[12, 3")
    assert (first.mask() == again.mask()).all()


def test_equal_forms_are_compiled_once(grammars: Grammars) -> None:
    """The compiled grammar of a form is kept, up to a number of them."""
    grammars.of(YES)
    known = next(iter(grammars._remembered.values()))
    for number in range(40):
        grammars.of(Form("gbnf", f'root ::= "{number}"'))
        grammars.of(YES)
    assert known in grammars._remembered.values()
    assert len(grammars._remembered) == 32
