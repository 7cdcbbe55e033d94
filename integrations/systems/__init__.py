"""One module a system. Each knows its system and nothing of ours but `integrations.contract` and `integrations.records`."""
