"""Who is asking: a request's key to what it is worth, and which models that covers.

The law of this package: no key leaves it, neither in a log nor in an error; and what a key may not
use does not exist for it, in the same words as what there is not.
"""
