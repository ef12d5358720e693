"""How it runs: Dagster's definitions and instance, settings, and the command line."""
