"""torchvision's state dicts as torch.save writes them, and inputs and outputs to agree with.

CASE.pth (the archive), CASE.legacy.pth (the form before PyTorch 1.6), CASE.parallel.pth (a
checkpoint of a DataParallel network), CASE.library.safetensors where safetensors' own library is
installed, and CASE.run.safetensors.
"""

try:
    from safetensors.torch import save_file
except ImportError:
    save_file = None

from reference import folder, run_case, torch
from torchvision_networks import NETWORKS, random_network

for name in NETWORKS:
    network = random_network(name)
    state = network.state_dict()
    torch.save(state, folder() / f"{name}.pth")
    torch.save(state, folder() / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
    if save_file:
        save_file(state, folder() / f"{name}.library.safetensors", metadata={"format": "pt"})
    parallel = torch.nn.DataParallel(network).state_dict()
    torch.save({"epoch": 3, "state_dict": parallel, "best": 0.9}, folder() / f"{name}.parallel.pth")
    run_case(name, network, torch.randn(1, 3, 65, 97), gradients=False)

# The names of DenseNet's layers in torchvision before 2018, and channels-last memory.
old = {
    key.replace("norm1.", "norm.1.").replace("norm2.", "norm.2.").replace("conv1.", "conv.1.").replace("conv2.", "conv.2.")
    if "denselayer" in key
    else key: value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value
    for key, value in state.items()
}
torch.save(old, folder() / "densenet121.old.pth")
