import torch

from config import SETTINGS
from data import load_roasts
from evaluate import accuracy
from grader import RoastGrader


if __name__ == "__main__":
    torch.manual_seed(0)
    roasts, grades = load_roasts()
    grader = RoastGrader()
    cut = SETTINGS.training_roasts
    grader.fit(roasts[:cut], grades[:cut])
    print(f"test accuracy {accuracy(grader, roasts[cut:], grades[cut:]):.1%}")
