"""From a sealed batch to the disk: decode, authorise, quarantine, store, reply, and tell the live bus."""
