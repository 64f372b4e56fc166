"""The version, for copies without installed metadata too: vendored, a zipapp, PyInstaller, a Lambda layer."""

VERSION = "0.2.0.dev0"
"""The package's version; pyproject.toml reads it here."""
