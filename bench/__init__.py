"""Measurements: each against the bare engine or a peer, side by side in one run, as a ratio."""
