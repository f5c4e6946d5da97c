"""How good an embedding is: retrieval and clustering."""
