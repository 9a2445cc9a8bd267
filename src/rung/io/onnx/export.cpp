#include "rung/io/onnx/export.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/graph/size_trials.h"
#include "rung/io/graph_json.h"
#include "rung/io/onnx/check_export.h"
#include "rung/io/onnx/digest.h"
#include "rung/io/onnx/exporter.h"

namespace rung {
namespace {

using onnx_export::axis_name;
using onnx_export::Exported;
using onnx_export::Sized;
using onnx_export::SizeVaries;
using onnx_export::Symbol;

constexpr int64_t kFirstOpset = 13, kLastOpset = 21;

class Sizes {
 public:
  explicit Sizes(const Model& model) : graph_(model.graph) {
    sized_.model = &model;
    extents_.update(graph_);
    std::map<std::string, Symbol> groups;
    for (const NodeId id : graph_.inputs()) {
      const auto& input = *graph_.op_as<ops::Input>(id);
      for (size_t axis = 0; axis < input.type.rank(); ++axis) {
        const auto& fixed = input.fixed;
        if (std::find(fixed.begin(), fixed.end(), static_cast<int64_t>(axis)) != fixed.end()) {
          continue;
        }
        const std::string name = axis_name(input.type, axis);
        groups[name].name = name;
        groups[name].axes.emplace_back(id, axis);
      }
    }
    for (const auto& [name, group] : groups) add(group);
    add_together();
  }

  const Sized& sized() const { return sized_; }
  /// What is held though the graph takes other sizes, and why.
  const std::vector<std::string>& held() const { return held_; }

  /// Writes the example's size of that symbol.
  void hold(size_t symbol, const std::string& why) {
    for (const Axis& axis : sized_.symbols[symbol].axes) {
      say_held(axis, why);
    }
    Sized next{.model = sized_.model, .symbols = {}, .others = {}, .symbol_of = {}};
    for (size_t i = 0; i < sized_.symbols.size(); ++i) {
      if (i != symbol) next.symbols.push_back(sized_.symbols[i]);
    }
    for (size_t k = 0; k < sized_.others.size(); ++k) {
      if (sized_.symbol_of[k] == symbol) continue;
      next.others.push_back(std::move(sized_.others[k]));
      next.symbol_of.push_back(sized_.symbol_of[k] - (sized_.symbol_of[k] > symbol ? 1 : 0));
    }
    sized_ = std::move(next);
  }

 private:
  using Axis = std::pair<NodeId, size_t>;

  /// Axes of one name. Where they may differ, each is a size of its own; a batch never is.
  void add(const Symbol& group) {
    const bool one = group.axes.size() == 1 || group.name == "batch";
    Symbol rest{group.name, {}};
    for (const Axis& axis : group.axes) {
      const Symbol own{fmt::format("{}_{}", graph_.node(axis.first).name, group.name), {axis}};
      if (one || !keep(own)) rest.axes.push_back(axis);
    }
    if (rest.axes.empty() || ((one || rest.axes.size() > 1) && keep(rest))) return;
    for (const Axis& axis : rest.axes) alone_.push_back({group.name, {axis}});
  }
  /// Axes that take no other size on their own, though some of equal sizes may together: the batch
  /// of a state [layers, N, features] and of the input.
  void add_together() {
    std::map<int64_t, Symbol> by_size;
    for (const Symbol& symbol : alone_) {
      const auto& [input, axis] = symbol.axes.front();
      Symbol& group = by_size[graph_.node(input).types[0].shape[axis]];
      if (group.axes.empty()) group.name = symbol.name;
      group.axes.push_back(symbol.axes.front());
    }
    for (const auto& [size, group] : by_size) {
      if (group.axes.size() > 1 && keep(group)) continue;
      for (const Axis& axis : group.axes) {
        if (const auto why = refused_.find(axis); why != refused_.end()) {
          say_held(axis, why->second);
        }
      }
    }
  }
  bool keep(const Symbol& symbol) {
    InputAxes axes;
    for (const auto& [input, axis] : symbol.axes) axes.push_back({graph_.node(input).name, axis});
    TriedSizes tried = try_sizes(graph_, extents_, axes);
    if (!tried.held.empty()) {
      if (!tried.graphs.empty() && axes.size() == 1) refused_[symbol.axes[0]] = tried.held;
      return false;
    }
    for (Graph& other : tried.graphs) {
      sized_.others.push_back(std::move(other));
      sized_.symbol_of.push_back(sized_.symbols.size());
    }
    sized_.symbols.push_back(symbol);
    return true;
  }
  void say_held(const Axis& axis, const std::string& why) {
    const Node& input = graph_.node(axis.first);
    held_.push_back(fmt::format("{} of {}, because of {}", axis_name(input.types[0], axis.second),
                                input.name, why));
  }

  const Graph& graph_;
  Extents extents_;
  Sized sized_;
  std::vector<Symbol> alone_;
  std::map<Axis, std::string> refused_;  ///< those that take some other sizes, and what refuses
  std::vector<std::string> held_;
};

/// IR versions that go with opsets, as ONNX published them.
int64_t ir_version(int64_t opset) {
  return opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7;
}

void add_metadata(onnx::ModelProto& proto, const std::string& key, std::string value) {
  auto& entry = *proto.add_metadata_props();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

/// Moves the weights' bytes into a file beside the model, each at a multiple of 64.
void write_external(onnx::GraphProto& graph, const std::filesystem::path& path) {
  constexpr size_t kLeast = 1024, kAlignment = 64;
  const std::string location = path.filename().string();
  write_file(path, [&](const FileSink& sink) {
    size_t offset = 0;
    for (auto& tensor : *graph.mutable_initializer()) {
      const std::string& bytes = tensor.raw_data();
      if (bytes.size() < kLeast) continue;
      const std::string zeros((kAlignment - offset % kAlignment) % kAlignment, '\0');
      sink(zeros.data(), zeros.size());
      sink(bytes.data(), bytes.size());
      offset += zeros.size();
      const auto say = [&](const char* key, const std::string& value) {
        auto& entry = *tensor.add_external_data();
        entry.set_key(key);
        entry.set_value(value);
      };
      say("location", location);
      say("offset", std::to_string(offset));
      say("length", std::to_string(bytes.size()));
      offset += bytes.size();
      tensor.set_data_location(onnx::TensorProto::EXTERNAL);
      tensor.clear_raw_data();
    }
  });
}

/// Hands protobuf's output on to a file. Protobuf is written for streams that return false, and
/// flushes in a destructor, so that no exception may pass through it.
class SinkStream : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit SinkStream(FileSink sink) : sink_(std::move(sink)) {}
  bool Write(const void* data, int bytes) override {
    if (error_) return false;
    try {
      sink_(data, static_cast<size_t>(bytes));
    } catch (...) {
      error_ = std::current_exception();
    }
    return !error_;
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  FileSink sink_;
  std::exception_ptr error_;
};

void write_proto(const onnx::ModelProto& proto, const std::filesystem::path& path) {
  write_file(path, [&](const FileSink& sink) {
    SinkStream stream(sink);
    google::protobuf::io::CopyingOutputStreamAdaptor buffered(&stream, 1 << 16);
    const bool written = proto.SerializeToZeroCopyStream(&buffered) && buffered.Flush();
    stream.rethrow();
    if (!written) fail_bug("protobuf did not write {}", path.string());
  });
}

std::vector<std::string> input_lines(const onnx::GraphProto& graph) {
  std::vector<std::string> out;
  for (const auto& input : graph.input()) {
    std::vector<std::string> sizes;
    for (const auto& dim : input.type().tensor_type().shape().dim()) {
      sizes.push_back(dim.has_dim_param() ? dim.dim_param() : std::to_string(dim.dim_value()));
    }
    out.push_back(fmt::format("{}: {}", input.name(), join(sizes, ", ")));
  }
  return out;
}

/// Writes the graph, and again with a size held, until the file follows all that are free.
Exported write_followed(Sizes& sizes, int64_t opset,
                        const std::shared_ptr<onnx::ModelProto>& file) {
  while (true) {
    try {
      Exported out = onnx_export::write_graph(sizes.sized(), opset);
      *file->mutable_graph() = std::move(out.graph);
      const auto wrong = onnx_export::find_not_followed(file, out, sizes.sized());
      if (!wrong) return out;
      sizes.hold(wrong->symbol, wrong->why);
    } catch (const SizeVaries& varies) {
      sizes.hold(sizes.sized().symbol_of.at(varies.places.front()), varies.why);
    }
  }
}

}  // namespace

OnnxExportReport save_onnx(const Model& model, const std::filesystem::path& path,
                           const OnnxExportOptions& options) {
  if (options.opset < kFirstOpset || options.opset > kLastOpset) {
    fail_user("opset {}: rung writes ONNX's opsets {} to {}", options.opset, kFirstOpset,
              kLastOpset);
  }
  if (model.graph.outputs().empty())
    fail_user("cannot write {}: the network has no output", path.string());
  OnnxExportReport report;
  Sizes sizes(model);
  const auto file = std::make_shared<onnx::ModelProto>();
  onnx::ModelProto& proto = *file;
  proto.set_ir_version(ir_version(options.opset));
  proto.set_producer_name("rung");
  proto.add_opset_import()->set_version(options.opset);
  const Exported exported = write_followed(sizes, options.opset, file);
  report.held = sizes.held();
  report.inputs = input_lines(proto.graph());
  report.nodes = static_cast<size_t>(proto.graph().node_size());
  auto json = to_json(model.graph);
  json["model"] = model.name;
  add_metadata(proto, onnx_metadata::kGraph, json.dump());
  add_metadata(proto, onnx_metadata::kDigest, onnx_digest(proto.graph()));
  if (!exported.packed.empty()) {
    add_metadata(proto, onnx_metadata::kPacked, std::move(exported.packed));
  }
  for (const auto& [key, value] : model.about) {
    add_metadata(proto, std::string(Model::kAbout) + key, value);
  }
  constexpr size_t kLargest = 2'000'000'000;  // protobuf ends at 2^31
  if (options.external_data || proto.ByteSizeLong() > kLargest) {
    write_external(*proto.mutable_graph(), path.string() + ".data");
  }
  write_proto(proto, path);
  return report;
}

}  // namespace rung
