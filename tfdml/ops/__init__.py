"""Pure functions on tensors, in `keras.ops` alone: no state, no classes."""
