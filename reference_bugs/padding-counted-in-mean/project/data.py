import torch


def load_recipes(count=400, seed=5):
    # minutes: the mean over the steps of what each kind of step usually makes a recipe last
    generator = torch.Generator().manual_seed(seed)
    usual = 20 + 60 * torch.rand(30, generator=generator)
    lengths = torch.randint(2, 15, (count,), generator=generator).tolist()
    recipes = [torch.randint(1, 30, (n,), generator=generator).tolist() for n in lengths]
    minutes = torch.stack([usual[torch.tensor(recipe)].mean() for recipe in recipes])
    return recipes, minutes
