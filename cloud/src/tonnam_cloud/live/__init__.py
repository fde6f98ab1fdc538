"""From the live bus to phones: server-sent events."""
