"""How customers who began together go on."""
