"""torchvision's networks with random weights and running statistics, in evaluation mode."""

import sys

from reference import run_case, torch

try:
    from torchvision import models
except ImportError as missing:
    print(f"no torchvision to compare with: {missing}", file=sys.stderr)
    sys.exit(77)

NETWORKS = ["resnet18", "resnet34", "resnet50", "densenet121"]


def random_network(name):
    network = getattr(models, name)(weights=None, num_classes=10).eval()
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return network


torch.manual_seed(0)
if __name__ == "__main__":
    for name in NETWORKS:
        run_case(name, random_network(name), torch.randn(2, 3, 65, 97))
