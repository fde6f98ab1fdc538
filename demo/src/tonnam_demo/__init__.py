"""The conductor of make demo."""
