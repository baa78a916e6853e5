from config import SETTINGS


def prepare(features, levels, train_share=SETTINGS.train_share):
    """Standardises the features, and splits the days in their order into training and test days."""
    features = (features - features.mean(dim=0)) / features.std(dim=0)
    cut = int(train_share * len(features))
    return features[:cut], levels[:cut], features[cut:], levels[cut:]
