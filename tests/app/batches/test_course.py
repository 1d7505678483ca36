"""The course of a batch that nothing disturbs but its own lines."""

from __future__ import annotations

from tests.app.batches.mill import CHAT, EMBED, Mill, chat_line, embed_line, vector_of


def finish(mill: Mill, batch_id: str, rounds: int = 200) -> None:
    """Drive and work until the batch has ended."""
    driver = mill.driver()
    for _ in range(rounds):
        driver.round()
        if mill.find(batch_id).ended:
            driver.forget()
            return
        mill.worker.work(mill.chat)
        mill.worker.work(mill.embed)
    raise AssertionError(mill.find(batch_id))


def test_chat(mill: Mill) -> None:
    """Every line gets the answer to its own question, and the counts say so."""
    batch_id = mill.batch(CHAT, map(chat_line, range(30)))
    finish(mill, batch_id)
    found = mill.output(batch_id)
    assert {key: line["response"]["body"]["choices"][0]["message"]["content"] for key, line in found.answers.items()} == {f"line-{number}": f"said {number}" for number in range(30)}
    print(found.record)


def test_embed(mill: Mill) -> None:
    batch_id = mill.batch(EMBED, map(embed_line, range(5000)))
    finish(mill, batch_id)
    found = mill.output(batch_id)
    assert {key: line["response"]["body"]["data"][0]["embedding"] for key, line in found.answers.items()} == {f"line-{number}": vector_of(f"text {number}") for number in range(5000)}
    print(found.record)
