"""The farm on the phone: zones now, their day, and commands to water or stop."""
