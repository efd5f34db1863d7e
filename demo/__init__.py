"""Generated matches (`scene`), and how the tiny models were trained on them (`training`)."""
