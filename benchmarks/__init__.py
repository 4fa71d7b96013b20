"""How fast, against what: one command, the same traffic for every contestant, figures kept as rows."""
