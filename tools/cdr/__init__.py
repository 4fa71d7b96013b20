"""Archives of charging records with known truth: sessions and calls of a seeded network, as its nodes write them."""
