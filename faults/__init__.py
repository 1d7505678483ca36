"""The fault suite: parts of the real stack die under load, and what was accepted is counted after.

``python -m faults`` plays rows of trials and prints a table. The law of this package: it starts
the commands of ``runner``, reads what ``tasks`` defines, speaks HTTP, and never imports ``app`` or
``worker``: what it proves is proved from outside. The one exception is ``faults.controls``, entries
of worker and API processes with one protection switched off.

What was accepted is decided by the client alone: it writes the id that it was answered to the disk
before it reads on (``book``). What became of it is read from Redis (``audit``).
"""
