"""torch.nn's transformer layer, pre-norm, without dropout."""

from reference import run_case, torch

torch.manual_seed(0)
layer = torch.nn.TransformerEncoderLayer(
    24, 3, dim_feedforward=40, dropout=0, activation="gelu", batch_first=True, norm_first=True)
run_case("transformer_layer", layer, torch.randn(2, 11, 24))
