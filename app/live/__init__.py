"""The live view: what the models, queues and nodes do, told to whoever watches over a WebSocket.

One reader per process asks Redis once a second while anybody watches, and all sockets are given
what it found: a hundred watchers cost Redis what one does. Nothing is changed from here.
"""
