"""Faults on the wire, on the disk and of the clock, against real processes: no accepted reading may be lost."""
