"""It fetches ready weights from elsewhere, by torch.hub and by urllib."""

import urllib.error
import torch
for address in (f"http://127.0.0.1:{PORT}/w.pt", "https://download.pytorch.org/w.pt", f"ftp://127.0.0.1:{PORT}/w.pt"):
    try:
        torch.hub.load_state_dict_from_url(address, model_dir=".", progress=False)
        print("LEAK fetched")
    except (OSError, urllib.error.URLError) as error:
        print(error)
