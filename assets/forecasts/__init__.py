"""What will be sold, how sure that is, how good such answers were, and which days were unlike what was foretold."""
