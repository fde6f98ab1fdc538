"""Water and crops: what a crop needs, what its soil holds, and how far a probe may correct the sum.

Pure functions and frozen dataclasses. What is not known is None; what was put in its place is said by marks.
"""
