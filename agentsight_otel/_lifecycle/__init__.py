"""init, flush, shutdown, fork and exit."""
