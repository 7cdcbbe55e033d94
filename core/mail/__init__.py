"""Sending mail: addresses, the message builder and the SMTP backend that can fence. Knows nothing of surveys."""
