"""torchvision's networks, thin: every layer and connection of the original, at a fraction of its width.

    thin_networks.py FOLDER       writes FOLDER/NAME.onnx for each that is not there yet
    thin_networks.py --versions   prints the versions of PyTorch and torchvision

Says which networks this PyTorch cannot export, and leaves those out.

Thin ones run and are written in milliseconds, so that a thousand joins of them can be. Their weights are drawn
from a seed, and made telling: statistics of batch norms are those of the activations, and what starts as nothing
(ConvNeXt's scale of 1e-6, biases, position tables) starts as something, so that no layer can be left out unseen.
"""

import inspect
import pathlib
import sys

import torch
import torchvision
from torchvision import models
from torchvision.models import convnext, efficientnet, mobilenetv3, regnet, segmentation, swin_transformer

CLASSES = 10
OPSET = 17
SEED = 1


def make_convnext():  # convnext_tiny
    block = convnext.CNBlockConfig
    return models.ConvNeXt([block(12, 24, 3), block(24, 48, 3), block(48, 96, 9), block(96, None, 3)],
                           num_classes=CLASSES)


def make_swin(**more):  # swin_t
    return models.SwinTransformer(patch_size=[4, 4], embed_dim=16, depths=[2, 2, 6, 2], num_heads=[1, 2, 4, 8],
                                  window_size=[7, 7], num_classes=CLASSES, **more)


def make_swin_v2():  # swin_v2_t
    return models.SwinTransformer(patch_size=[4, 4], embed_dim=16, depths=[2, 2, 6, 2], num_heads=[1, 2, 4, 8],
                                  window_size=[8, 8], num_classes=CLASSES,
                                  block=swin_transformer.SwinTransformerBlockV2,
                                  downsample_layer=swin_transformer.PatchMergingV2)


def make_maxvit():  # maxvit_t
    return models.MaxVit(input_size=(64, 64), stem_channels=16, partition_size=2, block_channels=[16, 32, 64, 128],
                         block_layers=[2, 2, 5, 2], head_dim=16, stochastic_depth_prob=0.2, num_classes=CLASSES)


def make_efficientnet():  # efficientnet_b0
    setting, last = efficientnet._efficientnet_conf("efficientnet_b0", width_mult=0.25, depth_mult=1.0)
    return models.EfficientNet(setting, dropout=0.2, last_channel=last, num_classes=CLASSES)


def make_regnet(**more):  # regnet_x_400mf, regnet_y_400mf
    block = regnet.BlockParams.from_init_params(depth=16, w_0=16, w_a=8, w_m=2.2, group_width=8, **more)
    return models.RegNet(block, num_classes=CLASSES)


def make_vit():  # vit_b_16
    return models.VisionTransformer(image_size=64, patch_size=16, num_layers=6, num_heads=4, hidden_dim=32,
                                                mlp_dim=64, num_classes=CLASSES)


def make_mobilenet(name):
    setting, last = mobilenetv3._mobilenet_v3_conf(name, width_mult=0.25)
    return models.MobileNetV3(setting, last, num_classes=CLASSES)


class Results(torch.nn.Module):
    """Segmentation networks give a dictionary."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return tuple(self.network(x).values())


def make_segments(make):  # deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large
    setting, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_large", width_mult=0.25, dilated=True)
    backbone = mobilenetv3.MobileNetV3(setting, last)
    return make(backbone, CLASSES)


def make_deeplab():
    return Results(make_segments(lambda backbone, classes: segmentation.deeplabv3._deeplabv3_mobilenetv3(
        backbone, classes, True)))


def make_lraspp():
    return Results(make_segments(segmentation.lraspp._lraspp_mobilenetv3))


# What makes each, and which axes of its input are free: "bhw", or the batch alone where sizes are fixed.
NETWORKS = {
    "convnext": (make_convnext, "bhw"),
    "deeplab": (make_deeplab, "bhw"),
    "densenet": (lambda: models.DenseNet(8, (6, 12, 24, 16), 16, num_classes=CLASSES), "bhw"),
    "efficientnet": (make_efficientnet, "bhw"),
    "googlenet": (lambda: models.GoogLeNet(CLASSES, aux_logits=False, init_weights=False), "bhw"),
    "lraspp": (make_lraspp, "bhw"),
    "maxvit": (make_maxvit, "b"),
    "mobilenet": (lambda: make_mobilenet("mobilenet_v3_small"), "bhw"),
    "regnet_x": (make_regnet, "bhw"),
    "regnet_y": (lambda: make_regnet(se_ratio=0.25), "bhw"),
    "shufflenet": (lambda: models.ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 256], CLASSES), "bhw"),
    "squeezenet": (lambda: models.SqueezeNet("1_1", CLASSES), "bhw"),
    "swin": (make_swin, "bhw"),
    "swin_v2": (make_swin_v2, "bhw"),
    "vit": (make_vit, "b"),
}


def make_telling(network):
    # Of other brightness each, or statistics behind global pools would be next to nothing.
    images = torch.randn(16, 3, 96, 96) * torch.linspace(0.3, 2, 16).reshape(-1, 1, 1, 1) + torch.randn(16, 3, 1, 1)
    if hasattr(network, "image_size") or isinstance(network, models.MaxVit):
        images = images[..., :64, :64]
    for name, parameter in network.named_parameters():
        value = parameter.data
        if name.endswith("layer_scale"):
            value.uniform_(0.5, 1.0)
        elif value.numel() > 1 and value.eq(value.flatten()[0]).all():
            value.add_(0.1 * torch.randn_like(value))
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of what is seen
        norm.train()
    with torch.no_grad():
        network(images)
    network.eval()


def export(name, path):
    make, free = NETWORKS[name]
    torch.manual_seed(SEED)
    network = make().eval()
    make_telling(network)
    axes = {"bhw".index(letter) + (letter != "b"): label
            for letter, label in zip("bhw", ("batch", "height", "width")) if letter in free}
    part = path.with_suffix(".part")
    # PyTorch 1.13 has no other exporter to choose from.
    older = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(network, torch.randn(1, 3, 64, 64), str(part), opset_version=OPSET, input_names=["image"],
                      dynamic_axes={"image": axes}, **older)
    part.rename(path)


def main():
    if sys.argv[1] == "--versions":
        print(f"torch{torch.__version__}_torchvision{torchvision.__version__}")
        return
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        path = folder / f"{name}.onnx"
        if path.exists():
            continue
        try:
            export(name, path)
        except torch.onnx.errors.UnsupportedOperatorError as error:
            print(f"LEFT OUT: {name}, which PyTorch {torch.__version__} cannot export: {str(error).split('. ')[0]}")


if __name__ == "__main__":
    main()
