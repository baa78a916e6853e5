import torch
from torch.utils.data import DataLoader, TensorDataset

from config import SETTINGS
from data import CLOUDS, make_sky
from finetuning import finetune
from model import SkyNet
from pretraining import pretrain


if __name__ == "__main__":
    torch.manual_seed(0)
    model = pretrain(SkyNet(outputs=SETTINGS.brightnesses), make_sky(1000, seed=1)[0])
    strips, kinds = make_sky(400, seed=2)
    finetune(
        model,
        DataLoader(TensorDataset(strips, kinds), batch_size=SETTINGS.batch_size, shuffle=True),
        len(CLOUDS),
    )
