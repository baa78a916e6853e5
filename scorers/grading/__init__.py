"""The grader: from a transcript and a scenario to verdicts with evidence, by one call of a model."""
