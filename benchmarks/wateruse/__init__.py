"""How much water each controller takes: the parts of benchmarks/water.py."""
