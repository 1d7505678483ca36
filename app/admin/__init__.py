"""The admin API: what runs where, and loading and unloading models while everything runs.

The law of this package: no Flask. ``orders``, ``definition`` and ``sources`` make a request's bytes
to what is asked, the views make what was read to JSON, and neither reads anything; ``survey`` and
``slots`` read, ``changes`` and ``forgetting`` write. Nothing here starts or ends a process: a wish
is written, a keeper places, nodes follow.
"""
