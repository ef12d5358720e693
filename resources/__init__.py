"""What the assets talk to: the lake, and Dagster's own history."""
