"""Losses on labels and embeddings."""
