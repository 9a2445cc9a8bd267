#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace rung {

/// A value inside a pickle. Containers hold pointers to values of the same pickle, and as in Python
/// a value may stand in several, or in itself.
struct PickleObject {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,
    kBytes,
    kList,
    kTuple,
    kSet,
    kDict,
    kGlobal,   ///< a name that is known and plain: "torch.FloatStorage", "torch.float32"
    kStorage,  ///< memory of tensors: text is its key, whole its elements, items[0] its kGlobal
    kTensor,   ///< items: storage, offset, sizes, strides, … as Python would be given them; the
               ///< eighth is the type of the elements where the storage has none
  };
  Kind kind = Kind::kNone;
  int64_t whole = 0;
  double real = 0;
  std::string text;  ///< of a whole number beyond 64 bits too: its bytes, smallest first
  std::vector<PickleObject*> items;  ///< of a dict: key, value, key, value, …
};

/// "a dict", "a tensor", …
std::string_view name(PickleObject::Kind kind);

/// Owns all values of a pickle, so that neither loops nor deep nesting matter when it goes.
struct Pickle {
  std::deque<PickleObject> objects;
  const PickleObject* root = nullptr;
  size_t bytes = 0;   ///< how many were read; others may follow
  size_t copied = 0;  ///< items that calls took from a list into a dict
};

/// Reads a pickle of the protocols 2 to 5 as data: plain values, plain containers, and what
/// PyTorch writes for tensors. Nothing in it is ever executed or imported.
///
/// `what` names it in messages. Throws a user error that names what the pickle asks for where that
/// is anything else (`os.system`, a class, …), and where it is broken or cut short. Needs memory
/// in proportion to its bytes, and refuses more than 2^23 steps.
Pickle read_pickle(std::string_view bytes, const std::string& what);

}  // namespace rung
