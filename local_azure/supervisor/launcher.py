"""Starts a program that the kernel kills when its supervisor dies: `launcher.py PARENT COMMAND…`.

Run as a script, in a process of its own, for two reasons: the wish must be made in the child, and
Python advises against running code between fork and exec in a program with threads. exec keeps the wish.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Make the wish, make sure that the parent is still there, become the program."""
    parent, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the supervisor died before its child began")
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command, no shell


if __name__ == "__main__":
    main()
