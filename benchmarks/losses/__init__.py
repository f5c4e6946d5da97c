"""What a step of each loss takes, in time and memory, against the libraries that others use."""
