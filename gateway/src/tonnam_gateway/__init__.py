"""Turns what other makers' devices say into Tonnam readings."""
