"""Image sets, and the batches they give."""
