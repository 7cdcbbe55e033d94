"""Webhooks out: what is told to whom, how it is proved, and that nothing is lost."""
