"""Pumping stations and gates: what moves by a level of water, and whose safe state need not be off."""
