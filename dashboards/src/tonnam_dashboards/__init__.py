"""Tonnam's Grafana dashboards as code."""
