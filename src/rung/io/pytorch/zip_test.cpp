#include "rung/io/pytorch/zip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "rung/base/expect_error.h"
#include "rung/io/pytorch/zip_testing.h"
#include "rung/io/pytorch/zip_writer.h"

namespace rung {
namespace {

std::shared_ptr<Storage> memory(const std::string& bytes) {
  auto out = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(out->data(), bytes.data(), bytes.size());
  return out;
}

std::string content(const ZipArchive& zip, const std::string& name) {
  const auto read = zip.read(name);
  return {reinterpret_cast<const char*>(read->data()), read->bytes()};
}

template <typename T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// One entry without zip64, as other writers make it.
std::string simple(const std::string& packed, uint32_t size, uint16_t method, uint32_t crc = 0,
                   uint16_t flags = 0) {
  const std::string common = little(flags) + little(method) + std::string(4, '\0') + little(crc) +
                             little(static_cast<uint32_t>(packed.size())) + little(size) +
                             little(uint16_t{1}) + little(uint16_t{0});
  const std::string header = "PK\x03\x04" + little(uint16_t{20}) + common + "a" + packed;
  const std::string line =
      "PK\x01\x02" + little(uint32_t{20}) + common + std::string(14, '\0') + "a";
  return header + line + "PK\x05\x06" + std::string(4, '\0') + little(uint16_t{1}) +
         little(uint16_t{1}) + little(static_cast<uint32_t>(line.size())) +
         little(static_cast<uint32_t>(header.size())) + little(uint16_t{0});
}

std::string deflated(const std::string& text) {
  std::string out(compressBound(text.size()) + 16, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string refusal(const std::string& bytes) {
  return user_error([&] { ZipArchive(memory(bytes), "w.pth").read("a"); });
}

TEST(Zip, ReadsWhatItWrites) {
  const std::string bytes =
      testing::zip_of({{"r/b", "hello"}, {"r/a", ""}, {"r/c", std::string(200, 'x')}});
  const auto file = memory(bytes);
  const ZipArchive zip(file, "it");
  EXPECT_EQ(content(zip, "r/b"), "hello");
  EXPECT_EQ(content(zip, "r/a"), "");
  EXPECT_EQ(content(zip, "r/c"), std::string(200, 'x'));
  EXPECT_EQ((zip.read("r/c")->data() - file->data()) % 64, 0) << "unaligned";
  EXPECT_TRUE(zip.has("r/a"));
  EXPECT_FALSE(zip.has("r/d"));
  EXPECT_EQ(zip.find_suffix("/c"), "r/c");
  EXPECT_EQ(user_error([&] { zip.read("r/d"); }), "it is damaged: it lacks 'r/d'");
}

TEST(Zip, ReadsOtherWritersEntries) {
  EXPECT_EQ(content(ZipArchive(memory(simple("abc", 3, 0)), "it"), "a"), "abc");
  const std::string text(5000, 'y');
  const auto size = static_cast<uint32_t>(text.size());
  EXPECT_EQ(content(ZipArchive(memory(simple(deflated(text), size, 8)), "it"), "a"), text);
}

TEST(Zip, RefusesWhatIsDamaged) {
  const auto contains = [](const std::string& bytes, const std::string& part) {
    EXPECT_NE(refusal(bytes).find(part), std::string::npos) << refusal(bytes);
  };
  contains("", "is cut short");
  contains(simple("abc", 3, 0, 77), "do not match their check sum");
  contains(simple("abc", 4, 0), "it has two sizes");
  contains(simple("abc", 3, 8), "does not inflate");
  contains(simple(deflated("abc"), 2, 8), "does not inflate");
  contains(simple(deflated("abc"), 4, 8), "does not inflate");
  contains(simple("abc", 0x7fffffff, 8), "would have 2147483647 bytes once inflated");
  contains(testing::zip_of({{"a", "1"}, {"a", "2"}}), "holds 'a' twice");
  std::string moved = simple("abc", 3, 0);
  moved[moved.size() - 6] = '\x01';  // where the directory begins
  contains(moved, "is broken at byte 1");
  for (const auto& [method, flags] : {std::pair{uint16_t{12}, uint16_t{0}}, {0, 1}}) {
    const std::string bytes = simple("abc", 3, method, 0, flags);
    error_of(ErrorKind::kUnsupported, [&] { ZipArchive(memory(bytes), "it").read("a"); });
  }
}

TEST(Zip, RefusesEntriesThatShareTheirBytes) {
  // Two lines of the directory for one entry of 300 bytes.
  std::string bytes = simple(std::string(300, 'x'), 300, 0);
  const size_t line = bytes.find("PK\x01\x02"), end = bytes.find("PK\x05\x06");
  std::string second = bytes.substr(line, end - line);
  second.back() = 'b';
  bytes.insert(end, second);
  bytes[end + second.size() + 10] = 2;
  EXPECT_EQ(refusal(bytes), "w.pth is damaged: entries of its archive overlap");
}

TEST(Zip, RefusesEveryCut) {
  const std::string bytes = testing::zip_of({{"a", "hello"}, {"b", "world"}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal(bytes.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace rung
