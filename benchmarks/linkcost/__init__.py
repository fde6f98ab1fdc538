"""What the link costs: the parts of benchmarks/link.py."""
