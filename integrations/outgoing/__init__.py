"""Webhooks out: what happens here is told to other systems, signed, at least once, and the log of it.

An event of the timeline becomes one `WebhookDelivery` for each webhook that wants it (hearing.py). A worker builds what is
sent from today's rows and the rights of the webhook's owner (payload.py), signs it (signing.py) and sends it on the
schedule of domain.py (sending.py). What people do with webhooks is services.py; docs/webhooks.md is for receivers.
"""
