"""The admin API: what runs where, loading and unloading models while everything runs, the cache.

The law of this package: no Flask. ``orders``, ``definition``, ``sources`` and ``cache_query`` make
a request's bytes to what is asked, the views make what was read to JSON, and neither reads
anything; ``survey`` and ``slots`` read, ``changes`` and ``forgetting`` write, ``cache_room`` does
both. Nothing here starts or ends a process: a wish is written, a keeper places, nodes follow.
"""
