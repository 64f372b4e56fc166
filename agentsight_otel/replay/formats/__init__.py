"""The formats of recordings: each module recognises one format, and reads it."""
