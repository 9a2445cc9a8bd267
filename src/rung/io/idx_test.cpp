#include "rung/io/idx.h"

#include <zlib.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

const std::string kHeader("\0\0\x08\x02\0\0\0\x02\0\0\0\x03", 12);  // u8 [2, 3]

void write_gz(const std::filesystem::path& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

TEST(Idx, ReadsPlainAndPacked) {
  const TempFolder folder;
  write_file(folder / "a", kHeader + "abcdef");
  write_gz(folder / "b.gz", kHeader + "abcdef");
  for (const char* name : {"a", "b.gz"}) {
    const Tensor tensor = load_idx(folder / name);
    EXPECT_EQ(tensor.dtype(), DType::kU8);
    EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
    EXPECT_EQ(tensor.at(0), 'a');
    EXPECT_EQ(tensor.at(5), 'f');
  }
}

TEST(Idx, RefusesWhatIsNotWhole) {
  const TempFolder folder;
  const auto message = [&](const std::string& bytes) {
    write_file(folder / "x", bytes);
    return user_error([&] { load_idx(folder / "x"); });
  };
  EXPECT_NE(message(kHeader + "abcde").find("declares 6 bytes ([2, 3]) and holds 5"),
            std::string::npos);
  EXPECT_NE(message(kHeader + "abcdefg").find("and holds more"), std::string::npos);
  EXPECT_NE(message(kHeader.substr(0, 7)).find("cut short"), std::string::npos);
  EXPECT_NE(message("not idx at all").find("is not an IDX file"), std::string::npos);
  EXPECT_NE(message("").find("is not an IDX file"), std::string::npos);
  const std::string huge("\0\0\x08\x03\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", 16);
  EXPECT_NE(message(huge), "");
  EXPECT_NE(user_error([&] { load_idx(folder / "absent"); }).find("No such file"),
            std::string::npos);
  EXPECT_NE(user_error([&] { load_idx(folder.path()); }), "");
}

TEST(Idx, RefusesOtherElements) {
  const TempFolder folder;
  write_file(folder / "x", std::string("\0\0\x0D\x01\0\0\0\x01", 8) + "1234");
  EXPECT_NE(error_of(ErrorKind::kUnsupported, [&] { load_idx(folder / "x"); }).find("0x0d"),
            std::string::npos);
}

TEST(Idx, RefusesDamagedPacking) {
  const TempFolder folder;
  write_gz(folder / "x.gz", kHeader + "abcdef");
  std::string bytes = read_file(folder / "x.gz");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 0x55);  // the checksum
  write_file(folder / "x.gz", bytes);
  EXPECT_NE(user_error([&] { load_idx(folder / "x.gz"); }), "");
}

}  // namespace
}  // namespace rung
