"""What must be true of the rows: rules from the contracts, rules of the business, and the audit."""
