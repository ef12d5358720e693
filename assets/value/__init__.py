"""What the customers there are will be worth."""
