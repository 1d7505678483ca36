"""The command line for whoever runs the place: ``millrace jobs`` and ``millrace queues``.

The law of this package: it imports ``tasks`` only, and speaks with Redis itself, so that it works
while the API, the workers or the keeper do not; ``runner.cli`` puts it beside ``millrace up``.
Commands are thin; what they read is in ``place``, ``listing``, ``detail`` and ``snapshot``; views
turn that into tables and JSON and do nothing else. What clients wrote or were answered is shown
on request only (``--content``), and never sent to the terminal raw (``wording.clean``).
"""
