"""Answers over a WebSocket: several at once on one connection, each the chunks of its stream.

The law of this package: a request that comes as a message is an order like any other, parsed,
submitted and followed by the same code as one that comes by HTTP. Here is only what a connection
adds: who writes when, how much may be open, and how it ends.
"""
