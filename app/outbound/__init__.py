"""Going out: how this server connects to a host that a client named, and to no other place.

``address`` says which URLs and which addresses behind them are permitted, ``pinned`` connects to an
address that was checked, and to nothing else. Webhooks go this way, and pictures come by it. The
law: resolved once, every address public (or the host named by the operator), no proxy, no
redirect, and a deadline for all of it.
"""
