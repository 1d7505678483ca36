"""The command line for whoever runs the place: jobs, queues, models, nodes and the cache.

The law of this package: it imports ``tasks`` only, and speaks with Redis itself, so that it works
while the API, the workers or the keeper do not; ``runner.cli`` puts it beside ``millrace up``.
Commands are thin; what they read is in ``place``, ``listing``, ``detail``, ``snapshot`` and
``fleet_snapshot``; views turn that into tables and JSON and do nothing else. What is asked for a
model is written to Redis (``loading``, ``definitions``), and done by those who read it there.
What clients wrote or were answered is shown on request only (``--content``), and never sent to the
terminal raw (``wording.clean``).

Files of the hub are another matter: ``fetching`` brings them to this machine, and needs no Redis.
``batches`` is another one: it speaks with the API, as any client does, and needs no Redis either.
"""
