"""Devices on cables: what is read and written, in which order, and by whom alone."""
