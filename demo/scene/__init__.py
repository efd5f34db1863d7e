"""What a generated match shows: its course (`match`), and every frame of it (`pictures`)."""
