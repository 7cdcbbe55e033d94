"""Alerts: when one is the same as another, how grave it is, and when it sleeps."""
