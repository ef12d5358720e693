"""What prices did to what was sold, and which prices to try."""
