"""It would be imported in the place of torch."""
