"""Deaths that the kernel tells of."""

from __future__ import annotations

import os
import subprocess
import sys

from tasks.hosts import born, is_gone, this_host


def test_a_process_that_lives_is_not_gone() -> None:
    """This very process is found by its pid and its birth."""
    begun = born(os.getpid())
    assert begun is not None
    assert not is_gone(this_host(), os.getpid(), begun)


def test_a_process_that_ended_is_gone() -> None:
    """Also while it is a zombie that nobody has waited for."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    begun = born(child.pid)
    assert begun is not None
    assert not is_gone(this_host(), child.pid, begun)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(this_host(), child.pid, begun)
    child.communicate()
    assert is_gone(this_host(), child.pid, begun)


def test_another_process_with_the_same_pid_is_not_it() -> None:
    """Pids come again; births do not."""
    begun = born(os.getpid())
    assert begun is not None
    assert is_gone(this_host(), os.getpid(), begun - 1)


def test_of_other_machines_nothing_is_said() -> None:
    """Their pids mean nothing here."""
    assert not is_gone("elsewhere/1", 2**22 + 1, 5)
    assert not is_gone("", 2**22 + 1, 5)
