#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/graph/model.h"
#include "rung/join/merge.h"

namespace rung {

/// How space or time is made to fit the target's size at run time.
enum class Align {
  kAuto,    ///< down by a whole factor: strided projection or average pool; otherwise resize
  kNone,    ///< refuse where sizes differ
  kResize,  ///< interpolate
  kPool,    ///< average over areas (down only)
  kCrop,    ///< cut the source (down only)
  kPad,     ///< fill with zeros (up only)
};

/// What the skip does before training.
enum class Start {
  kRandom,    ///< new weights are drawn as PyTorch draws them
  kIdentity,  ///< the joined network computes exactly what the original did
};

/// How a map or a sequence becomes a vector.
enum class Collapse { kMean, kMax, kLast };

/// What happens to the width of the target after a merge that widens it (concat).
enum class Width {
  kReduce,  ///< a 1×1 convolution or linear layer back to the target's width
  kWiden,   ///< the layers that read the target take the extra channels as well
};

/// Which side is projected where channels or features differ.
enum class Project {
  kSource,  ///< the source, to the target's width
  kTarget,  ///< the target, to the source's width (its readers must accept that)
  kAlways,  ///< the source, even where nothing differs
  kNone,    ///< refuse
};

/// One skip connection. Only `from` and `to` are needed.
struct Skip {
  std::string from;     ///< a tap: what is carried
  std::string to;       ///< a tap: its readers read the merged value instead
  Merge merge = "add";  ///< by name (`merge_names()`), or a rule of your own
  Align align = Align::kAuto;
  ops::ResizeMode resize = ops::ResizeMode::kLinear;  ///< how kAuto and kResize interpolate
  Start start = Start::kRandom;
  Width width = Width::kReduce;  ///< concat only
  Collapse collapse = Collapse::kMean;
  Project project = Project::kSource;
  int64_t out = 0;        ///< concat: channels after the reduction; 0: the target's
  bool norm = false;      ///< a batch norm behind a convolution that projects
  bool detach = false;    ///< no gradient flows back into the source (side mode)
  std::string name = {};  ///< missing: "skip1", "skip2", … in order
  /// Names of the inserted layers, and so of their weights; missing: under the skip's name,
  /// "skip1.projection" and "skip1.reduction".
  std::string projection_name = {};
  std::string reduction_name = {};
};

/// A network's input fed by another network's tap; the input node disappears.
struct Wire {
  std::string from;
  std::string to;  ///< a model's input, such as "decoder/input"
};

/// Everything that a join is made of, as a value.
struct JoinSpec {
  std::vector<Model> models;
  std::vector<Wire> wires = {};
  std::vector<Skip> skips = {};
  /// Taps to return besides the networks' outputs (hints for distillation).
  std::vector<std::string> extra_outputs = {};
  /// Keep only these outputs of the networks (names such as "decoder/output"), in this order; empty
  /// keeps those of the networks that no wire leads out of: what a backbone gave by itself goes,
  /// unless a skip would be lost with it.
  std::vector<std::string> outputs = {};
};

/// Sets one field of a skip by its name in this header, as text: ("align", "crop"). The command and
/// the recipe both go through it. Throws a user error that lists the valid keys or values.
void set_skip_field(Skip& skip, const std::string& key, const std::string& value);

/// "a/layer1 -> b/up3 : concat, align=crop, start=identity": one skip as text, for the command and
/// for recipes. Throws a user error that shows the form and lists the valid keys.
Skip parse_skip(const std::string& text);
std::string to_string(const Skip& skip);
/// "a/layer4 -> b/input"
Wire parse_wire(const std::string& text);

}  // namespace rung
