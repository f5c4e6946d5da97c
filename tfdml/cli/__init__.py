"""The `tfdml` command."""
