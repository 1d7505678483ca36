"""Programs that are measured without the API, each run as a process of its own.

Each reads the environment of a running stack, works in one go, and writes its sample as JSON.
"""
