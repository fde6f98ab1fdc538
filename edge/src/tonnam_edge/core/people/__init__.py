"""Switches, locks, the emergency stop, and what somebody asks at the controller itself."""
