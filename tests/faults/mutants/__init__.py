"""Programs that are wrong on purpose, in one thing each: a suite that does not find them would find nothing."""
