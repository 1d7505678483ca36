"""``celery -A faults.controls.unfenced worker``: attempts are not fenced, control of row 7.

Whoever appends is logged at the log's end: another attempt's number, a job that is over, and a
sequence number that was said before stop nobody. And no lease is ever reported as lost.
"""

from __future__ import annotations

from faults.controls.patches import rewrite_scripts

rewrite_scripts(
    {
        "append": {
            "if job[1] ~= ARGV[3] then return": "if false then return",
            "if job[2] ~= 'running' then": "if false then",
            "local last, first = tonumber(job[3]), tonumber(ARGV[4])": (
                "local last = tonumber(job[3])\nlocal first = last + 1"
            ),
        },
        "renew": {"if job[1] == ARGV[i + 1] and job[2] == 'running' then": "if true then"},
    }
)

from worker.celery import celery  # noqa: E402 - what it loads must find the changed scripts

__all__ = ["celery"]
