"""What a node has accepted and nobody has confirmed, on disk."""
