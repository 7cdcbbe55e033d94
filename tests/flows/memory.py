"""How much memory a program has taken."""

import re
from pathlib import Path


def peak() -> int:
    """The most memory this process has held since its program began, in kB (VmHWM of proc(5)).

    getrusage's ru_maxrss is not that: a new program takes over the peak of the process that started it.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])
