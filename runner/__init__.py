"""The runner: starts the parts of Millrace on this machine, and restarts what dies.

The law of this package: it knows commands, ports and files, never the code of ``app`` or
``worker``. A part that cannot even be imported is then a line on the screen and a log, while
all the others run.
"""
