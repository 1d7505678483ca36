"""What an answer must look like: grammars for its tokens, and tool calls read out of its text.

The law of this package: it alone imports ``llguidance``, and nothing that a client sends gets
there unread. A schema is taken apart first, and what the library would overlook is refused; a
GBNF grammar is parsed here and written anew. What is accepted is enforced to the letter.
"""

from worker.constraints.rules import Prepared, Rules

__all__ = ["Prepared", "Rules"]
