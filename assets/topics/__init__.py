"""What customers write about: topics found in their reviews, which last from month to month."""
