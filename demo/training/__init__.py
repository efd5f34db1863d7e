"""Training of the tiny models: architectures, training data and 4-bit rounding."""
