"""How it runs: Dagster's definitions and instance, settings, and the command line."""

import atexit
import gc
from functools import cache


@cache
def collect_seldom() -> None:
    """Look for garbage less often than Python does, once a process, and not where there is none.

    What libraries make while they are imported, and Dagster of its definitions, lives as long as the process, and
    there is much of it: to look through it again and again, and once more at the end, takes a sixth of a run, and a
    third of loading 500 assets.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50)
    atexit.register(gc.freeze)
