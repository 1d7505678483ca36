"""What an API key may ask for, as requests meet it.

The law of this package:

1. A request costs one request, whatever becomes of it; what is not there is refused before
   anything else is done for it.
2. Tokens are what was computed: an answer from the cache, or from another's job, costs none. They
   are taken by an estimate and settled when the job ends (both by the ledger).
3. A key without limits costs nothing: no call, no header.

``counting`` puts the parts together; ``estimate`` and ``durations`` are pure; ``headers`` tells.
"""
