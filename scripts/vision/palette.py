"""What the tiny vision model knows: eight colours, four kinds of picture, one caption for each.

The caption is what the tower learns to write, one token for every place of the picture. Of those
tried on SmolLM2-135M-Instruct as plain text, it is the one after which the model names colour and
shape whatever the question and on whichever side of the picture the question stands.
"""

from __future__ import annotations

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 30, 35),
    "green": (35, 155, 55),
    "blue": (30, 70, 215),
    "yellow": (240, 220, 35),
    "orange": (245, 135, 20),
    "purple": (135, 40, 165),
    "black": (14, 14, 14),
    "white": (243, 243, 243),
}
"""The middle of each colour; a picture's own lies around it."""

SHAPES = ("circle", "square", "triangle", "wall")
"""A wall is a picture of one colour all over: the noun for it that the model repeats best."""

GREYS = (85, 175)
"""The backgrounds: no grey among them is near black or white."""

SPACE = "Ġ"
NEW_LINE = "Ċ"
"""How a byte pair vocabulary writes a space and a line's end."""


def caption(colour: str, shape: str) -> tuple[str, ...]:
    """The caption's 16 tokens, as SmolLM2's vocabulary writes them.

    In plain text: ``The picture shows a red circle. The color of the circle is red.`` and a
    line's end, so that a question may follow it.
    """
    words = f"picture shows a {colour} {shape}".split()
    more = f"The color of the {shape} is {colour}".split()
    spaced = [SPACE + word for word in words], [SPACE + word for word in more]
    return ("The", *spaced[0], ".", *spaced[1], ".", NEW_LINE)
