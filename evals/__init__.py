"""What is asked: scenarios, pressures, arms, skills, and the embedded model that can answer."""
