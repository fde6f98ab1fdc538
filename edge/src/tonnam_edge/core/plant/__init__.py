"""Valves, pumps and pipes: runs in their order, proof by coil and flow, and what is found wrong."""
