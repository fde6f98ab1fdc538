"""What the programs go by, and what they want. Pure but for what they remember."""
