#pragma once

/// Everything that a program on LibTorch needs of rung, in one line: build or trace networks, join
/// them, run and train the result. Programs that only join and write files include the core's
/// headers one by one and never read LibTorch's.

#include <torch/torch.h>

#include "rung/blocks/decoder.h"
#include "rung/blocks/densenet.h"
#include "rung/blocks/encoder.h"
#include "rung/blocks/mlp.h"
#include "rung/blocks/residual.h"
#include "rung/blocks/resnet.h"
#include "rung/blocks/sequence.h"
#include "rung/blocks/skip_connection.h"
#include "rung/blocks/skip_net.h"
#include "rung/blocks/transformer.h"
#include "rung/blocks/unet.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/identity.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/eager/pt2_file.h"
#include "rung/exec/eager/torchscript_file.h"
#include "rung/exec/eager/trace.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/io/load_weights.h"
#include "rung/io/model_file.h"
#include "rung/io/safetensors.h"
#include "rung/io/state_dict.h"
#include "rung/join/plan.h"
