"""What comes down to a node: signed commands and keys."""
