"""The first thing a child process runs: tie its life to its parent's, then become the wanted program.

Run as a script by path, isolated and without site packages (`python -I -S _child.py PARENT PROGRAM ...`), so it
imports nothing of Watchpost and costs a few hundredths of a second.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept over execve, see prctl(2)
EXIT_NOT_FOUND = 127  # as a shell answers


def main(parent: int, command: list[str]) -> None:
    """Die with `parent` (by SIGKILL, which nothing can hold up), and exec `command`."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl: its signal will never come
        os._exit(128 + signal.SIGKILL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        print(f"{command[0]} can not be started: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_NOT_FOUND)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
