"""Placement: which models are loaded on which nodes. A thread of the keeper decides it.

Law: nothing here knows Flask, OpenAI's dialect or a worker; of Millrace it imports ``tasks`` alone.
``plan`` and all that it calls are pure: no clock, no Redis, the same answer to the same picture.
``facts`` reads the picture, ``placer`` writes what was decided.
"""
