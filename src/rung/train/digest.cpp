#include "rung/train/digest.h"

#include <cstring>

namespace rung {

uint64_t digest_of(std::string_view bytes) {
  // FNV-1a, eight bytes at a time, with a shift that carries high bits down.
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash = 0xcbf29ce484222325 ^ bytes.size();
  const auto mix = [&](uint64_t word) { hash = ((hash ^ word) * kPrime) ^ (hash >> 29); };
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    mix(word);
  }
  for (; i < bytes.size(); ++i) mix(static_cast<unsigned char>(bytes[i]));
  return hash;
}

uint64_t digest_of(const at::Tensor& tensor) {
  const auto sizes = tensor.sizes();
  const std::string_view shape(reinterpret_cast<const char*>(sizes.data()),
                               sizes.size() * sizeof(int64_t));
  const std::string_view bytes(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
  return digest_of(bytes) ^ digest_of(shape) * 31;
}

}  // namespace rung
