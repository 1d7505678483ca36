"""The page at ``/``: plain HTML, CSS and modules of JavaScript, served as they lie here.

There is no build step, and nothing is loaded from elsewhere. What it shows comes over ``/live`` and
``/v1``, as it does for any other client.
"""
