"""What is said, as bytes: readings, aggregates, events, dictionaries and replies. The layout is in docs/link.md."""
