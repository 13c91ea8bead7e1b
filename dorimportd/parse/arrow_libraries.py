"""The shared libraries of pyarrow, loaded so that no other thread waits for it.

An import of pyarrow spends most of its time in loading them, for which Python keeps the interpreter lock: for
a third of a second all sessions would stand still when the first large file comes.  A foreign call lets go of
it, and the import then finds them loaded.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def load_arrow_libraries() -> None:
    """Call it on a worker thread before pyarrow is first imported; later it does nothing.

    What cannot be loaded here the import will tell of.
    """
    found = find_spec("pyarrow")
    if found is None or found.origin is None:
        return
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    # It needs all others that the import needs.
    for path in sorted(Path(found.origin).parent.glob("libarrow_python.so.*")):
        load(os.fsencode(path), os.RTLD_NOW)
