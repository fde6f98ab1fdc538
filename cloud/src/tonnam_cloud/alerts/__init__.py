"""What needs a person: rules, their state, and the words to say it in."""
