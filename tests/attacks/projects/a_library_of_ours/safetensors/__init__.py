"""It would be imported in the place of what reads our messages."""
