"""``millrace batch``: files of texts or requests, computed as batches of a running Millrace.

Unlike the rest of the console it speaks with the API, as any client does, and needs no Redis: a
batch may be submitted from a machine that reaches nothing else. It knows the public contract of
files and batches alone.

1. ``sources`` reads FILE row by row, ``asking`` makes requests of the rows, ``parts`` cuts them
   into as many batches as the server's limits ask for.
2. ``memory`` is the small file beside the output that says which parts are submitted;
   ``submitting`` uploads a part and makes its batch, exactly once; ``watching`` keeps a few of them
   open until all have ended; ``mending`` gives the texts of a failed line a line each.
3. ``results`` brings a part's answers back into the order of the input, ``answers`` reads them,
   ``sinks`` writes them.

Nothing is whole in memory: of a part, which is 50,000 rows at most, only where its lines lie. Rows
count from 0, in the output and in what is said of them.
"""
