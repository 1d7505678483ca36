"""Batches: many requests in a file, answered in the background, each exactly once.

A batch is Celery work like any other: its lines become jobs of the lowest priority on the model's
own queue, a few at a time. What is known of it lies in the queue's Redis, what it says in the store
of files; the driver in the keeper has nothing that another could not find again.

1. A batch is made: its input is held, its status is ``validating``.
2. The driver reads every line, and begins (``in_progress``) or ends it (``failed``).
3. It *plans*: takes the next lines, gives them to jobs that have names but are not accepted yet,
   and writes down which; only then are the jobs accepted, as many as the window allows.
4. It *collects*: results of ended jobs become lines of a piece of the output (or error) file. The
   piece is stored, then *committed*: in one script the piece joins the list, the jobs leave the
   plan, and the counts grow. Jobs whose piece was not committed are collected again.
5. When nothing is planned and no line is left, the pieces become the files (``finalizing``), and
   the batch ends: ``completed``, ``expired`` or ``cancelled``.

So a line is done exactly when the cursor has passed it and no planned job has it. Every change is
fenced by the ``epoch``, which each driver raises when it takes a batch over: one that was thought
dead changes nothing any more, and what it stored is in no list.

The law of this package: no Flask. ``record``, ``lines``, ``planning``,
``window``, ``flight``, ``results`` and ``rendering`` are pure.
"""
