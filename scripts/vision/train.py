"""Teach the tower to write captions: ``python -m scripts.vision.train MODEL.gguf``.

The language model takes no part in it. A picture's 16 places shall hold what the caption's 16
tokens would: the tower learns their embeddings, read from the model's file. The loss is the
distance from the right embedding, and how surely it is the nearest among all the captions' words.

6000 steps of 64 pictures take seven minutes on one core. The same machine makes the same file
again; on another one the last bits differ, and with them its checksum. To be expected: no wrong
word in 99% of the captions of new pictures, and the colour named in 99 of 100 answers about the
pictures of ``tests/pictures.py``, which are others again.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from scripts.vision import drawing, tower
from scripts.vision.files import stored, token_embeddings, write_mmproj
from scripts.vision.palette import COLOURS, SHAPES, caption

MMPROJ = Path(__file__).parents[2] / "tests" / "data" / "vision" / "tiny-pictures.mmproj.gguf"
SEED = 20
STEPS = 6000
PICTURES = 64
RATE = 3e-3
SHARPNESS = 12.0
"""How far apart the likenesses of two words are drawn before one is chosen."""


@dataclass(frozen=True)
class Words:
    """The words of all captions: their vectors, and which of them stands where."""

    vectors: torch.Tensor
    captions: torch.Tensor  # (colours, shapes, places), numbers of words

    @classmethod
    def of(cls, model: Path) -> Words:
        """Those of ``model``'s vocabulary."""
        vocabulary, table = token_embeddings(model)
        written = [[caption(colour, shape) for shape in SHAPES] for colour in COLOURS]
        words = sorted({word for row in written for tokens in row for word in tokens})
        numbers = [[[words.index(w) for w in tokens] for tokens in row] for row in written]
        return cls(table[[vocabulary[word] for word in words]], torch.tensor(numbers))

    def chosen(self, places: torch.Tensor) -> torch.Tensor:
        """How much each place is like each word."""
        likeness = functional.normalize(places, dim=-1) @ functional.normalize(self.vectors).T
        return SHARPNESS * likeness

    def loss(self, places: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """How far ``places`` are from the vectors of the words ``right``, and how unsure."""
        far = (places - self.vectors[right]).square().mean(-1) / self.vectors.var()
        unsure = functional.cross_entropy(
            self.chosen(places).flatten(0, 1), right.flatten(), reduction="none"
        )
        return ((far + unsure.view_as(far)) * self._weights()).mean()

    def _weights(self) -> torch.Tensor:
        """Places whose word is not always the same count three times."""
        places = self.captions.shape[-1]
        told = (self.captions.view(-1, places) != self.captions[0, 0]).any(0)
        return torch.where(told, 3.0, 1.0) / torch.where(told, 3.0, 1.0).mean()


def trained(words: Words) -> tower.Parameters:
    """A tower after all its lessons."""
    chance = torch.Generator().manual_seed(SEED)
    learning = tower.fresh(words.vectors.shape[1], chance)
    for tensor in learning.values():
        tensor.requires_grad_(True)
    optimizer = torch.optim.AdamW(learning.values(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.08)
    begun = time.monotonic()
    for step in range(STEPS):
        pictures, colours, shapes = drawing.batch(PICTURES, chance)
        right = words.captions[colours, shapes]
        places = tower.forward(learning, pictures)
        loss = words.loss(places, right)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning.values(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == STEPS - 1:
            known, took_s = _whole(words, places, right), time.monotonic() - begun
            print(f"{step:5}  loss {loss.item():.4f}  whole captions {known:.3f}  {took_s:.0f} s")
    return {name: tensor.detach() for name, tensor in learning.items()}


def _whole(words: Words, places: torch.Tensor, right: torch.Tensor) -> float:
    """The share of captions without a single wrong word."""
    return float((words.chosen(places).argmax(-1) == right).all(-1).float().mean())


def judged(words: Words, learnt: tower.Parameters) -> float:
    """The share of whole captions on pictures never seen, in the file's precision."""
    rounded = {name: stored(name, tensor).float() for name, tensor in learnt.items()}
    pictures, colours, shapes = drawing.batch(4000, torch.Generator().manual_seed(SEED + 1))
    with torch.no_grad():
        places = tower.forward(rounded, pictures)
    return _whole(words, places, words.captions[colours, shapes])


def main() -> None:
    """Train, judge, write."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("model", type=Path, help="SmolLM2-135M-Instruct as GGUF")
    asked.add_argument("--out", type=Path, default=MMPROJ)
    asked.add_argument("--threads", type=int, default=1)
    given = asked.parse_args()
    torch.set_num_threads(given.threads)
    words = Words.of(given.model)
    learnt = trained(words)
    print(f"captions without a wrong word on new pictures: {judged(words, learnt):.4f}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_mmproj(given.out, learnt)
    print(given.out, hashlib.sha256(given.out.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
