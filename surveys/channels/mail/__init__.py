"""The e-mail channel: the survey mail as template, as message, and its fitness test. Knows no models."""
