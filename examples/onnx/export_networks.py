#!/usr/bin/env python3
"""Exports two networks of PyTorch's, to be joined and trained by rung:

    export_networks.py FOLDER [--pretrained]

  resnet18.onnx   torchvision's ResNet-18, images of any size [batch, 3, height, width]
  resnet18.pt2    the same as torch.export has it, where PyTorch does (2.5 and later)
  lstm.onnx       two LSTM layers and a linear head: [batch, time, 7] -> [batch, 1, 7]

With --pretrained, ResNet-18 has torchvision's ImageNet weights, which are downloaded.
"""

import argparse
import pathlib

import torch
import torchvision


class StackedLstm(torch.nn.Module):
    """Forecasts the next row of a series."""

    def __init__(self, features=7, hidden=32):
        super().__init__()
        self.lstm1 = torch.nn.LSTM(features, hidden, batch_first=True)
        self.lstm2 = torch.nn.LSTM(hidden, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, features)

    def forward(self, x):
        x, _ = self.lstm1(x)
        x, _ = self.lstm2(x)
        return self.head(x[:, -1:])


def export(network, example, path, axes):
    torch.onnx.export(
        network.eval(),
        example,
        str(path),
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": axes, "y": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE,  # batch norms stay, so that training is right
        do_constant_folding=False,
    )


def export_program(network, example, path, axes):
    free = {axis: torch.export.Dim.AUTO for axis in axes}
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=(free,), strict=False)
    torch.export.save(program, str(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pretrained", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(weights="IMAGENET1K_V1" if args.pretrained else None)
    export(resnet, torch.zeros(1, 3, 128, 128), args.folder / "resnet18.onnx", {0: "batch", 2: "height", 3: "width"})
    if hasattr(getattr(getattr(torch, "export", None), "Dim", None), "AUTO"):
        export_program(resnet, torch.zeros(2, 3, 128, 128), args.folder / "resnet18.pt2", (0, 2, 3))
    export(StackedLstm(), torch.zeros(1, 96, 7), args.folder / "lstm.onnx", {0: "batch", 1: "time"})


if __name__ == "__main__":
    main()
