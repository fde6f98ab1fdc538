"""How Tonnam's tiers talk and never lose a reading."""
