"""``millrace models`` and ``millrace nodes``: what is loaded where, and saying what should be."""
