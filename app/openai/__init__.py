"""OpenAI's JSON in, jobs out; events in, OpenAI's JSON out.

The law of this package: it is pure. No Flask, no Redis, no file, and no clock but the time it
is given; what a client sent goes in as bytes, what a client reads comes out as bytes. A request
that cannot become a job raises ``BadRequest`` (or ``UnknownModel``) and nothing else, whatever
the bytes were, so that nothing malformed is ever enqueued.
"""

from __future__ import annotations
