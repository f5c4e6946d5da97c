"""Pictures that show what an embedding does."""
