"""How much of each product will be wanted, and when to order how much of it."""
