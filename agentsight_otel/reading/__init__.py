"""What the reader is made of: filters to SQL, rows to documents."""
