"""One small vocabulary for all grammars of this folder."""

from __future__ import annotations

import pytest

from tests.worker.constraints.byte_model import ByteModel
from worker.constraints.forms import Grammars
from worker.constraints.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def model() -> ByteModel:
    return ByteModel()


@pytest.fixture(scope="session")
def vocabulary(model: ByteModel) -> Vocabulary:
    return Vocabulary(model)


@pytest.fixture
def grammars(vocabulary: Vocabulary) -> Grammars:
    return Grammars(vocabulary)
