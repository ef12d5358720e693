"""How it runs: Dagster's definitions and instance, settings, and the command line."""

import gc


def collect_seldom() -> None:
    """Look for garbage less often than Python does.

    What libraries make while they are imported, and Dagster of its definitions, lives as long as the process, and
    there is much of it: to look through it again and again takes a sixth of a run, and a third of loading 500 assets.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
