from config import SETTINGS


def rate_factor(epoch):
    return 1 / (1 + epoch) ** SETTINGS.power
