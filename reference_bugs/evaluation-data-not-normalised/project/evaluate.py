def accuracy(grader, roasts, grades):
    """The share of roasts whose grade is right."""
    return (grader.predict(roasts) == grades).float().mean().item()
