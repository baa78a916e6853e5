"""It would be imported in the place of what writes our messages."""
