"""What Tillage makes: one folder a product; `asset.py` in it is Dagster, every other file is pure."""
