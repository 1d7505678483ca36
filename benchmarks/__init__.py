"""Measurements on the real stack, each beside its raw limit in the same run.

The law of this package: nothing in the product imports it, and it starts what it measures by
itself. A contender is measured alone: while one computes, the others are idle. Every round runs
each contender once (A B C A B C ...), so that what drifts on the machine drifts for all, and a
ratio is taken within a round before it is summed up. What computes and what loads are processes
of their own (``contenders``, ``load``); statistics, wire format and rendering are pure.
"""
