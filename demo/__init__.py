"""Generated matches (`scene`) and the training of the tiny models (`training`)."""
