"""Tonnam's registry, ingest, store, alerts and phone dashboard."""
