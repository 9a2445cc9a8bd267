#pragma once

// For tests only: pickles put together by hand.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rung::testing {

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string text(const std::string& value) {
  return std::string("X").append(bytes_of(static_cast<uint32_t>(value.size()))).append(value);
}
inline std::string whole(int32_t value) { return std::string("J").append(bytes_of(value)); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<int32_t>& values) {
  std::string out = "(";
  for (const int32_t value : values) out += whole(value);
  return out + "t";
}
/// A whole pickle of protocol 2 around the operations of one value.
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

/// A dict of texts to values.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u";
}

struct TensorText {
  std::string key = "0";
  int32_t elements = 6;  ///< of the storage
  std::vector<int32_t> sizes = {2, 3}, strides = {3, 1};
  int32_t offset = 0;
  std::string type = "FloatStorage";
};
/// A tensor as torch.save writes it.
inline std::string tensor(const TensorText& of = {}) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") +
         global("torch", of.type) + text(of.key) + text("cuda:0") + whole(of.elements) + "NtQ" +
         whole(of.offset) + tuple(of.sizes) + tuple(of.strides) + "\x89" +
         global("collections", "OrderedDict") + ")RtR";
}

/// A file of PyTorch before 1.6: the object, and floats by the key of their storage.
inline std::string legacy_file(
    const std::string& object,
    const std::vector<std::pair<std::string, std::vector<float>>>& storages,
    bool little_endian = true) {
  std::string out =
      pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle(whole(1001)) +
      pickle(dict({{"little_endian", little_endian ? "\x88" : "\x89"}})) + pickle(object);
  std::string keys = "](";
  for (const auto& [key, values] : storages) keys += text(key);
  out += pickle(keys + "e");
  for (const auto& [key, values] : storages) {
    out += bytes_of(uint64_t{values.size()});
    for (const float value : values) out += bytes_of(value);
  }
  return out;
}

}  // namespace rung::testing
