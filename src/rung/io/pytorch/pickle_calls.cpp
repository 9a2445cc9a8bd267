#include "rung/io/pytorch/pickle_calls.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rung {
namespace {

using Object = PickleObject;
using Kind = PickleObject::Kind;
using Call = Object* (*)(const Object& arguments, Pickle& pickle);

Object* make(Pickle& pickle, Kind kind) {
  Object& object = pickle.objects.emplace_back();
  object.kind = kind;
  return &object;
}

// Without arguments, or with a list of pairs, as Python 2 wrote it. One list may be the argument of
// many calls, so what they copy is bounded.
Object* ordered_dict(const Object& arguments, Pickle& pickle) {
  constexpr size_t kMostCopied = size_t{1} << 22;
  Object* dict = make(pickle, Kind::kDict);
  if (arguments.items.empty()) return dict;
  if (arguments.items.size() != 1 || arguments.items[0]->kind != Kind::kList) return nullptr;
  pickle.copied += arguments.items[0]->items.size();
  if (pickle.copied > kMostCopied) return nullptr;
  for (const Object* pair : arguments.items[0]->items) {
    const bool fits = pair->kind == Kind::kList || pair->kind == Kind::kTuple;
    if (!fits || pair->items.size() != 2) return nullptr;
    dict->items.insert(dict->items.end(), pair->items.begin(), pair->items.end());
  }
  return dict;
}

// Protocol 2 has no bytes: they are a text of code points below 256 and its encoding. rung reads
// none, so they stay that text.
Object* encoded(const Object& arguments, Pickle& pickle) {
  if (arguments.items.empty() || arguments.items[0]->kind != Kind::kText) return nullptr;
  Object* made = make(pickle, Kind::kBytes);
  made->text = arguments.items[0]->text;
  return made;
}

Object* tensor(const Object& arguments, Pickle& pickle) {
  const size_t count = arguments.items.size();
  if (count < 4 || count > 7 || arguments.items[0]->kind != Kind::kStorage) return nullptr;
  Object* made = make(pickle, Kind::kTensor);
  made->items = arguments.items;
  return made;
}

// Types without a storage of their own: behind the six of version 2 their name, then what marks
// views, which version 2 has at once.
Object* tensor_of_type(const Object& arguments, Pickle& pickle) {
  const size_t count = arguments.items.size();
  if (count < 7 || count > 8 || arguments.items[6]->kind != Kind::kGlobal) return nullptr;
  if (arguments.items[0]->kind != Kind::kStorage) return nullptr;
  Object* made = make(pickle, Kind::kTensor);
  made->items = arguments.items;
  if (count == 7) made->items.push_back(make(pickle, Kind::kNone));
  std::swap(made->items[6], made->items[7]);
  return made;
}

Object* first_if(const Object& arguments, Kind kind) {
  if (arguments.items.empty() || arguments.items[0]->kind != kind) return nullptr;
  return arguments.items[0];
}
Object* parameter(const Object& arguments, Pickle&) { return first_if(arguments, Kind::kTensor); }
Object* size(const Object& arguments, Pickle&) { return first_if(arguments, Kind::kTuple); }
// Nobody asks whether a list is a set.
Object* set(const Object& arguments, Pickle&) { return first_if(arguments, Kind::kList); }

struct Known {
  std::string_view name;
  Call call;  ///< null: a plain value
};
constexpr Known kKnown[] = {
    {"__builtin__.bytearray", encoded},
    {"__builtin__.frozenset", set},
    {"__builtin__.set", set},
    {"_codecs.encode", encoded},
    {"builtins.bytearray", encoded},
    {"builtins.frozenset", set},
    {"builtins.set", set},
    {"collections.OrderedDict", ordered_dict},
    {"torch.BFloat16Storage", nullptr},
    {"torch.BoolStorage", nullptr},
    {"torch.ByteStorage", nullptr},
    {"torch.CharStorage", nullptr},
    {"torch.ComplexDoubleStorage", nullptr},
    {"torch.ComplexFloatStorage", nullptr},
    {"torch.DoubleStorage", nullptr},
    {"torch.FloatStorage", nullptr},
    {"torch.HalfStorage", nullptr},
    {"torch.IntStorage", nullptr},
    {"torch.LongStorage", nullptr},
    {"torch.ShortStorage", nullptr},
    {"torch.Size", size},
    {"torch._utils._rebuild_parameter", parameter},
    {"torch._utils._rebuild_tensor", tensor},
    {"torch._utils._rebuild_tensor_v2", tensor},
    {"torch._utils._rebuild_tensor_v3", tensor_of_type},
    {"torch.bfloat16", nullptr},
    {"torch.bool", nullptr},
    {"torch.complex128", nullptr},
    {"torch.complex64", nullptr},
    {"torch.float16", nullptr},
    {"torch.float32", nullptr},
    {"torch.float64", nullptr},
    {"torch.float8_e4m3fn", nullptr},
    {"torch.float8_e4m3fnuz", nullptr},
    {"torch.float8_e5m2", nullptr},
    {"torch.float8_e5m2fnuz", nullptr},
    {"torch.int16", nullptr},
    {"torch.int32", nullptr},
    {"torch.int64", nullptr},
    {"torch.int8", nullptr},
    {"torch.storage.UntypedStorage", nullptr},
    {"torch.uint16", nullptr},
    {"torch.uint32", nullptr},
    {"torch.uint64", nullptr},
    {"torch.uint8", nullptr},
};

const Known* find(std::string_view global) {
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown),
                                   [&](const Known& known) { return known.name == global; });
  return found == std::end(kKnown) ? nullptr : found;
}

}  // namespace

bool is_known_global(std::string_view global) { return find(global) != nullptr; }

Object* call_known(std::string_view global, const Object& arguments, Pickle& pickle) {
  const Known* known = find(global);
  if (known == nullptr || known->call == nullptr) return nullptr;
  return known->call(arguments, pickle);
}

// ("storage", type, key, location, elements), and in files from before 2020 a view of another one.
Object* storage_of(const Object& id, Pickle& pickle) {
  const auto& items = id.items;
  if (id.kind != Kind::kTuple || items.size() < 5 || items.size() > 6) return nullptr;
  if (items[0]->kind != Kind::kText || items[0]->text != "storage") return nullptr;
  if (items[1]->kind != Kind::kGlobal || !items[1]->text.ends_with("Storage")) return nullptr;
  if (items[2]->kind != Kind::kText || items[4]->kind != Kind::kInt) return nullptr;
  if (items[4]->whole < 0 || !(items.size() == 5 || items[5]->kind == Kind::kNone)) return nullptr;
  Object* storage = make(pickle, Kind::kStorage);
  storage->text = items[2]->text;
  storage->whole = items[4]->whole;
  storage->items = {items[1]};
  return storage;
}

}  // namespace rung
