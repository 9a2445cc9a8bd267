"""A tensor of every type, transposed and with an offset, as torch.save writes it in both forms."""

from reference import folder, torch
from types_of_torch import TYPES

state = {name: torch.arange(8).reshape(4, 2).to(dtype)[1:].t() for name, dtype in TYPES.items()}
torch.save(state, folder() / "types.pth")
torch.save(state, folder() / "types.legacy.pth", _use_new_zipfile_serialization=False)
