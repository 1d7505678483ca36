"""Entries of real worker and API processes with one protection switched off, by patching.

The law of this package: production code knows nothing of it, and each module takes away one
protection and nothing else. What it patches must be there, or its process does not start: a
control that switches nothing off would look like a protection that holds.
"""
