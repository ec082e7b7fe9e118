"""Alerts to addresses outside."""
