#include <bit>
#include <cstring>
#include <map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"
#include "rung/io/pytorch/find_state_dict.h"
#include "rung/io/pytorch/pth.h"
#include "rung/io/pytorch/tensors.h"
#include "rung/io/pytorch/zip.h"

namespace rung {
namespace {

static_assert(std::endian::native == std::endian::little, "PyTorch's files are little-endian");

using Kind = PickleObject::Kind;
using File = std::shared_ptr<Storage>;

constexpr std::string_view kPickle = "/data.pkl";
constexpr size_t kAlignment = 8;  // of the widest element

// Archives of PyTorch's that hold networks, told by what is in them.
constexpr std::pair<std::string_view, std::string_view> kNetworks[] = {
    {"/constants.pkl", "a TorchScript archive"},
    {"serialized_exported_program.json", "an exported program"},
    {"/models/model.json", "an exported program"}};

std::string_view text_of(Storage& storage) {
  return {reinterpret_cast<const char*>(storage.data()), storage.bytes()};
}

File aligned(File memory) {
  if (reinterpret_cast<uintptr_t>(memory->data()) % kAlignment == 0) return memory;
  if (memory->bytes() == 0) return allocate(0);
  const File copy = allocate(memory->bytes());
  std::memcpy(copy->data(), memory->data(), memory->bytes());
  return copy;
}

void check_bytes(size_t has, size_t needs, const std::string& key, const std::string& file) {
  if (has != needs) {
    fail_user("{} is damaged: its memory {} has {} bytes, and its tensors need {}", file,
              quoted(key), has, needs);
  }
}

StateDict finish(const Pickle& pickle, const StorageSource& source, const File& file,
                 const std::string& key, const std::string& name) {
  // Many tensors may look at one memory; honest files copy each once or twice.
  const int64_t most_copied = 4 * static_cast<int64_t>(file->bytes()) + (1 << 20);
  const FoundDict found = find_state_dict(*pickle.root, key, name);
  return {read_tensors(*found.dict, source, most_copied, name), found.note};
}

/// PyTorch 1.6 and later: NAME/data.pkl, and NAME/data/KEY for each storage.
StateDict load_zip(const File& file, const std::string& key, const std::string& name) {
  const ZipArchive zip(file, name);
  for (const auto& [suffix, kind] : kNetworks) {
    if (zip.find_suffix(suffix).empty()) continue;
    fail_user(
        "{} is {}, a whole network; give it as the network (MODEL), not as weights, or save its "
        "weights alone in Python: torch.save(module.state_dict(), path)",
        name, kind);
  }
  const std::string pickled = zip.find_suffix(kPickle);
  if (pickled.empty()) {
    fail_user("{} is a zip archive that torch.save did not write: it has no data.pkl", name);
  }
  const std::string root = pickled.substr(0, pickled.size() - kPickle.size()) + "/";
  if (zip.has(root + "byteorder") && text_of(*zip.read(root + "byteorder")) != "little") {
    fail_unsupported("{} was written on a big-endian machine", name);
  }
  const File bytes = zip.read(pickled);
  const Pickle pickle = read_pickle(text_of(*bytes), name);
  std::map<std::string, File> opened;
  const auto source = [&](const std::string& storage, size_t needs) {
    const std::string entry = root + "data/" + storage;
    if (!opened.contains(storage)) {
      check_bytes(zip.size(entry), needs, storage, name);
      opened[storage] = aligned(zip.read(entry));
    }
    check_bytes(opened[storage]->bytes(), needs, storage, name);
    return opened[storage];
  };
  return finish(pickle, source, file, key, name);
}

/// PyTorch before 1.6: pickles of a magic number, a version, the machine, the object and the list
/// of storages; then each storage, its number of elements in front.
class LegacyFile {
 public:
  LegacyFile(File file, std::string name) : file_(std::move(file)), name_(std::move(name)) {
    Pickle first = next();
    if (!is_magic(*first.root)) {  // a plain pickle, which may hold no storages
      object_ = std::move(first);
      return;
    }
    next();  // the version: there is one
    check_machine(next());
    object_ = next();
    keys_ = next();
  }

  const Pickle& object() const { return object_; }

  File storage(const std::string& key, size_t needs) {
    if (storages_.empty()) find_storages();
    const auto found = storages_.find(key);
    if (found == storages_.end())
      fail_user("{} is damaged: it lacks memory {}", name_, quoted(key));
    check_bytes(found->second->bytes(), needs, key, name_);
    return found->second = aligned(found->second);
  }

 private:
  Pickle next() {
    Pickle pickle = read_pickle(text_of(*file_).substr(at_), name_);
    at_ += pickle.bytes;
    return pickle;
  }

  static bool is_magic(const PickleObject& object) {
    constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    return object.kind == Kind::kInt && object.text == kMagic;
  }

  void check_machine(const Pickle& machine) const {
    const auto& items = machine.root->items;
    for (size_t i = 0; machine.root->kind == Kind::kDict && i < items.size(); i += 2) {
      if (items[i]->text == "little_endian" && items[i + 1]->whole != 1) {
        fail_unsupported("{} was written on a big-endian machine", name_);
      }
    }
  }

  // How long a storage is depends on its type, which only the tensors say.
  void find_storages() {
    std::map<std::string_view, size_t> item_bytes;
    for (const PickleObject& object : object_.objects) {
      if (object.kind == Kind::kStorage) item_bytes[object.text] = element_bytes(object);
    }
    if (keys_.root == nullptr || keys_.root->kind != Kind::kList) {
      fail_user("{} lacks the list of its storages", name_);
    }
    for (const PickleObject* key : keys_.root->items) {
      const auto item = item_bytes.find(key->text);
      if (key->kind != Kind::kText || item == item_bytes.end()) {
        fail_user("{} is damaged: no tensor uses memory {}", name_, quoted(key->text));
      }
      uint64_t elements = 0;
      const uint64_t left = file_->bytes() - at_;
      if (left >= sizeof elements) std::memcpy(&elements, file_->data() + at_, sizeof elements);
      if (left < sizeof elements || elements > (left - sizeof elements) / item->second) {
        fail_user("{} is cut short: memory {} is not whole", name_, quoted(key->text));
      }
      at_ += sizeof elements;
      const size_t bytes = static_cast<size_t>(elements) * item->second;
      storages_[key->text] = slice_storage(file_, at_, bytes);
      at_ += bytes;
    }
  }

  File file_;
  std::string name_;
  size_t at_ = 0;
  Pickle object_;
  Pickle keys_;  ///< a list of the storages that follow; no root: the file has none
  std::map<std::string, File> storages_;
};

}  // namespace

StateDict load_pth(const std::filesystem::path& path, const std::string& key) {
  return load_pth(map_file(path), path.string(), key);
}

StateDict load_pth(const std::shared_ptr<Storage>& file, const std::string& name,
                   const std::string& key) {
  if (text_of(*file).starts_with("PK\x03\x04")) return load_zip(file, key, name);
  LegacyFile legacy(file, name);
  const auto source = [&](const std::string& storage, size_t needs) {
    return legacy.storage(storage, needs);
  };
  return finish(legacy.object(), source, file, key, name);
}

}  // namespace rung
