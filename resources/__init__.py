"""What the assets talk to: the lake, the models, and Dagster's own history."""
