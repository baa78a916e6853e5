"""Logs at any address become one tidy table."""
