"""The Tonnam agent on a greenhouse or city controller."""
