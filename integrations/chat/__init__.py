"""Chat: telling a channel of Slack or Microsoft Teams, through an address that the workspace was given for it."""
