"""How customers speak of products: what words say, what the shop's own ratings say of words, and what is amiss."""
