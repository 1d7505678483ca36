"""Webhooks: a job's end, told to its owner's server, signed as OpenAI signs its own.

1. ``check`` refuses, while the request is read, a URL to which nothing may be sent.
2. ``events`` says what is sent, ``signing`` by whom: the Standard Webhooks headers, which every
   OpenAI client verifies.
3. ``app.outbound`` decides where a connection may go, and makes it go there and nowhere else.
4. ``delivery`` tries once, ``retries`` says when the next try is due.

Nothing here knows Celery, Redis or the ledger: the keeper calls ``deliver`` and keeps the schedule.
"""
