"""The texts of a batch: the same for everybody, no two alike, as short as they are said to be."""

from __future__ import annotations

import json

from tokenizers import Tokenizer

from benchmarks import texts
from benchmarks.contenders.raw_embed import tokenizer_file
from tasks.catalog import load_catalog
from tasks.settings import QueueSettings


def test_the_texts_are_the_same_every_time_and_all_different() -> None:
    """Another process computes what the stack was given."""
    first = texts.short_texts(3000)
    assert first == texts.short_texts(3000)
    assert len(set(first)) == 3000


def test_a_text_has_eight_to_twelve_tokens() -> None:
    """The markers that the model wants are counted."""
    entry = load_catalog(QueueSettings()).find("minilm-l6")
    tokenizer = Tokenizer.from_file(str(tokenizer_file(entry.tokenizer)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lengths = {len(each.ids) for each in tokenizer.encode_batch(texts.short_texts(2000))}
    assert lengths == set(range(8, 13))


def test_a_line_asks_for_one_text() -> None:
    """Its id says which."""
    lines = [json.loads(line) for line in texts.embed_lines(["one", "two"])]
    assert [line["custom_id"] for line in lines] == ["line-0", "line-1"]
    assert [line["body"]["input"] for line in lines] == ["one", "two"]
    assert {line["url"] for line in lines} == {"/v1/embeddings"}


def test_the_environment_sets_a_smaller_number() -> None:
    """For a look; the page is about a hundred thousand."""
    assert texts.wanted({}) == 100_000
    assert texts.wanted({texts.VARIABLE: "500"}) == 500
