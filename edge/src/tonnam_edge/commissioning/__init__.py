"""Trying every actuator with a person beside it, and writing down what it did."""
