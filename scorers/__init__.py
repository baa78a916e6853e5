"""How an answer is judged. Scorers compose as lists in a task; they never call each other."""
