#include "support/mutation.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/temp_folder.h"

namespace rung::testing {

std::string damaged(std::string bytes, Rng& rng) {
  const auto any = [&] { return static_cast<size_t>(rng.integer(0, std::ssize(bytes) - 1)); };
  const int64_t rounds = rng.integer(1, 4);
  for (int64_t i = 0; i < rounds && !bytes.empty(); ++i) {
    switch (rng.integer(0, 5)) {
      case 0:
        bytes[any()] ^= static_cast<char>(1 << rng.integer(0, 7));
        break;
      case 1:
        bytes[any()] = static_cast<char>(rng.integer(0, 255));
        break;
      case 2:
        bytes.resize(any());
        break;
      case 3:
        bytes.insert(any(), bytes.substr(any(), 16));
        break;
      case 4:
        bytes.erase(any(), static_cast<size_t>(rng.integer(1, 16)));
        break;
      case 5: {  // digits are where sizes are
        const size_t at = bytes.find_first_of("0123456789", any());
        if (at != std::string::npos) bytes[at] = static_cast<char>('0' + rng.integer(0, 9));
        break;
      }
    }
  }
  return bytes;
}

void survive(const std::function<std::string(Rng&)>& make, int count, uint64_t seed,
             const std::function<void(const std::filesystem::path&)>& read) {
  const TempFolder folder;
  const auto path = folder / "file";
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t own = seed + static_cast<uint64_t>(i);
    Rng rng(own);
    std::ofstream(path, std::ios::binary) << make(rng);
    try {
      read(path);
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::kBug) << "seed " << own << ": " << error.what();
      EXPECT_FALSE(std::string(error.what()).empty());
      ++refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "seed " << own << ": " << error.what();
    }
  }
  EXPECT_GT(refused, count / 4) << "the damage is too mild to test anything";
}

}  // namespace rung::testing
