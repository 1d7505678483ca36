"""The cache of answers: what was computed once is given again to whoever asks the same.

The law of this package:

1. Equal requests are those of one fingerprint: of one owner, to one model as its worker serves it
   now, with the same in every field that the answer depends on. Nothing is shared beyond that.
2. Only what ended well is kept, and only when what computed it is what was looked for.
3. The cache's Redis may be slow, full or gone at any time: then requests are served without it,
   and none waits for it longer than ``links.TIMEOUT_S``. Nothing is written while a client waits.
4. A hit asks the cache's Redis at most: no queue, no worker, no thread.

``lookup`` puts the parts together. ``fingerprint``, ``policy``, ``cache_control`` and ``entries``
are pure; ``store`` speaks with Redis; ``recorder`` listens to a job while its answer is relayed;
``gathering`` sends as one message what several ask at the same moment.
"""
