"""Dosing: what goes into the water, never without flow, never beyond its caps, never together with what it fights."""
