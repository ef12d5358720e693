"""What to show each customer next, and how good such lists were."""
