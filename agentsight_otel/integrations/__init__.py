"""One small module per framework; each imports it only when it is used."""
