"""OpenAI's responses: another way to write a conversation, and another way to write its answer.

A response is computed as a chat is, by a ``ChatJob`` that says how it is to be answered; the events
of its log are the same. No request knows of an earlier one: the conversation comes whole each time.
"""

from __future__ import annotations
