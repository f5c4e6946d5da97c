"""Whether a method changes on real data what its paper says it changes: runs, and tables of them."""
