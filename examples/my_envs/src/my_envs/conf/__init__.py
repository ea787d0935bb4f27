"""Options that this package adds to hyperdyn's groups."""
