"""Who of the customers there are will not come back soon."""
