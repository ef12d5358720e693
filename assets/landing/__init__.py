"""What files brought."""
