#include "rung/exec/eager/pt2_archive.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/pt2_json.h"
#include "rung/io/mapped_file.h"
#include "rung/io/pytorch/pth.h"
#include "rung/io/pytorch/zip.h"

namespace rung::pt2 {
namespace {

std::string_view text_of(Storage& storage) {
  return {reinterpret_cast<const char*>(storage.data()), storage.bytes()};
}

/// Whether the program has weights among its inputs, or constants: an archive of none holds an
/// empty dictionary, which is no state dict.
bool uses(const nlohmann::json& program, bool constants) {
  const auto& module = field(program, "graph_module", "the program");
  const auto& signature = field(module, "signature", "the program");
  for (const auto& spec : field(signature, "input_specs", "the program's signature")) {
    const bool passing = is_set(spec, "buffer") && is_set(spec.at("buffer"), "persistent") &&
                         spec.at("buffer").at("persistent") == false;
    if (constants ? passing || is_set(spec, "tensor_constant")
                  : is_set(spec, "parameter") || (is_set(spec, "buffer") && !passing)) {
      return true;
    }
  }
  return false;
}

/// Python's JSON has three numbers more; `real` (pt2_arguments) reads them as texts.
std::string with_quoted_infinities(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text && c == '\\') {
      out += json.substr(i++, 2);
      continue;
    }
    in_text ^= c == '"';
    std::string_view found;
    for (const std::string_view name : {"-Infinity", "Infinity", "NaN"}) {
      if (!in_text && found.empty() && json.substr(i).starts_with(name)) found = name;
    }
    if (found.empty()) {
      out += c;
    } else {
      out.append("\"").append(found).append("\"");
      i += found.size() - 1;
    }
  }
  return out;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : zip_(open(path)) {}

  Archive read() {
    Archive out;
    if (zip_.has("serialized_exported_program.json")) {
      out.program = json("serialized_exported_program.json");
      for (const char* ending : {".pt", ".json"}) {  // PyTorch 2.1 calls a pickle .json
        add_pickled(out, std::string("serialized_state_dict") + ending, false);
        add_pickled(out, std::string("serialized_constants") + ending, true);
      }
      return out;
    }
    const std::string found = zip_.find_suffix("models/model.json");
    if (found.empty()) fail_without_program();
    const std::string root =
        found.substr(0, found.size() - std::string("models/model.json").size());
    out.program = json(found);
    add_pickled(out, root + "data/weights/model.pt", false);
    add_pickled(out, root + "data/constants/model.pt", true);
    add_raw(root + "data/weights/", "model_weights_config.json", out.tensors);
    add_raw(root + "data/constants/", "model_constants_config.json", out.tensors);
    return out;
  }

 private:
  static ZipArchive open(const std::filesystem::path& path) {
    auto file = map_file(path);
    if (!text_of(*file).starts_with("PK\x03\x04")) {
      fail_user("the file is no .pt2 archive: it does not begin as a zip file does");
    }
    return {std::move(file), "the archive"};
  }

  [[noreturn]] void fail_without_program() const {
    if (!zip_.find_suffix("constants.pkl").empty()) {
      fail_user("the file was written by torch.jit.save, not torch.export.save; call it .pt");
    }
    if (!zip_.find_suffix("data.pkl").empty()) {
      fail_user(
          "the file holds weights, not a network\n"
          "  fix     give the network that they belong to, and these with --weights");
    }
    fail_user(
        "there is no exported program in the archive (models/model.json, or "
        "serialized_exported_program.json)\n"
        "  rule    what torch.export.save writes is read; compiled packages have no graph left");
  }

  nlohmann::json json(const std::string& entry) const {
    const auto bytes = zip_.read(entry);
    auto out = nlohmann::json::parse(with_quoted_infinities(text_of(*bytes)), nullptr, false);
    if (out.is_discarded()) fail_user("{} in the archive is no JSON", quoted(entry));
    return out;
  }

  /// What torch.save wrote, inside of the archive.
  void add_pickled(Archive& out, const std::string& entry, bool constants) const {
    if (!zip_.has(entry) || !uses(out.program, constants)) return;
    for (auto& [name, tensor] : load_pth(zip_.read(entry), entry).tensors) {
      out.tensors.insert_or_assign(name, std::move(tensor));
    }
  }

  void add_raw(const std::string& folder, const std::string& config, Weights& out) const {
    if (!zip_.has(folder + config)) return;
    const auto listed = json(folder + config);
    for (const auto& [name, entry] : field(listed, "config", config).items()) {
      const std::string what = "weight " + quoted(name);
      if (!is_set(entry, "tensor_meta")) continue;  // not a tensor
      if (is_set(entry, "use_pickle") && entry.at("use_pickle") == true) {
        fail_unsupported("{} is of a class of its own, which only Python can read", what);
      }
      out.insert_or_assign(name, raw_tensor(folder + text(entry, "path_name", what),
                                            field(entry, "tensor_meta", what), what));
    }
  }

  Tensor raw_tensor(const std::string& entry, const nlohmann::json& meta,
                    const std::string& what) const {
    const auto memory = zip_.read(entry);
    const auto type = scalar_type(field(meta, "dtype", what), what);
    const auto sizes = fixed_sizes(field(meta, "sizes", what), what);
    const auto strides = fixed_sizes(field(meta, "strides", what), what);
    const auto& start = field(meta, "storage_offset", what);
    const int64_t offset = start.is_object() ? fixed_sizes(nlohmann::json::array({start}), what)[0]
                                             : whole(start, what);
    if (strides.size() != sizes.size() || offset < 0)
      fail_user("{} has strides that do not fit", what);
    const auto item = static_cast<int64_t>(c10::elementSize(type));
    const auto elements = static_cast<int64_t>(memory->bytes()) / item;
    bool empty = false;
    int64_t last = offset;  // with care: nothing here may overflow
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] < 0 || strides[i] < 0) fail_user("{} has sizes below 0", what);
      empty = empty || sizes[i] == 0;
      if (sizes[i] > 1 && strides[i] > 0 && strides[i] > (elements - last) / (sizes[i] - 1)) {
        last = elements;
        break;
      }
      if (sizes[i] > 1) last += strides[i] * (sizes[i] - 1);
    }
    if (!empty && last >= elements) {
      fail_user("{} needs more than the {} bytes that the archive has of it", what,
                memory->bytes());
    }
    if (element_count(sizes) > 4 * elements + 1) fail_unsupported("{} is expanded", what);
    const at::Tensor flat = at::from_blob(memory->data(), {elements}, at::TensorOptions(type));
    return from_torch(
        at::as_strided(flat, sizes, strides, offset).clone(at::MemoryFormat::Contiguous));
  }

  ZipArchive zip_;
};

}  // namespace

Archive read_archive(const std::filesystem::path& path) { return Reader(path).read(); }

}  // namespace rung::pt2
