"""How the tiny models were made: their architectures, training data and 4-bit rounding."""
