"""One file per language; see `surveys.texts`."""
