"""What is bought together, and whether that is more than chance."""
