"""Agents that work in a sandbox: what they find there, how they run, and what they changed on the way."""
