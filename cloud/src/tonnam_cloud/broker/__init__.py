"""Who may connect to the broker and do what there: from the registry into a broker's own configuration."""
