"""What may be done to the catalogue: one module per use, each function one guarded change."""
