#include "rung/io/numpy/npy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/io/numpy/npy_header.h"

namespace rung {
namespace {

// A version 1 file from the text of its header.
std::string file_of(const std::string& header, const std::string& data) {
  std::string out = "\x93NUMPY";
  out +=
      {'\1', '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return out + header + data;
}

Tensor read(const std::string& content) {
  const TempFolder folder;
  std::ofstream(folder / "a.npy") << content;
  return load_npy(folder / "a.npy");
}

std::string error_of(const std::string& content) {
  try {
    read(content);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Npy, WritesWhatItReads) {
  const TempFolder folder;
  for (const auto& type : kDTypes) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 2}, Shape{2, 1, 2}}) {
      Tensor tensor(type.dtype, shape);
      for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set(i, static_cast<double>(i % 2));
      if (type.dtype == DType::kBF16 || is_float8(type.dtype)) {
        EXPECT_THROW(save_npy(folder / "a.npy", tensor), Error);
        continue;
      }
      save_npy(folder / "a.npy", tensor);
      EXPECT_TRUE(load_npy(folder / "a.npy").identical(tensor)) << type.name << to_string(shape);
    }
  }
}

TEST(Npy, WritesWhatNumPyWrites) {
  EXPECT_EQ(
      npy_header_text({.descr = "<f4", .shape = {3}}),
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }" + std::string(60, ' ') + "\n");
  const std::string pair = npy_header_text({.descr = "<f4", .shape = {2, 3}});
  EXPECT_NE(pair.find("'shape': (2, 3), }"), std::string::npos);
  EXPECT_EQ((pair.size() + 10) % 64, 0u);
}

TEST(Npy, UndoesByteOrderAndFortranOrder) {
  const Tensor big = read(file_of("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }",
                                  std::string("\x01\x02\x00\x05", 4)));
  EXPECT_EQ(big.at(0), 258);
  EXPECT_EQ(big.at(1), 5);
  const Tensor columns = read(file_of("{'shape': (2, 3), 'fortran_order': True, 'descr': '|u1'}\n",
                                      std::string("\0\3\1\4\2\5", 6)));
  EXPECT_EQ(columns.shape(), (Shape{2, 3}));
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(columns.at(i), i);
}

TEST(Npy, SaysWhatIsWrong) {
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(error_of("hello, world"), "is not a .npy file");
  contains(error_of("\x93NUMPY\1"), "is cut short");
  contains(error_of(file_of("{'descr': '<f4'}", "").substr(0, 14)), "is cut short");
  contains(error_of(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234")),
           "f32[2] needs 8 bytes, the file has 4");
  contains(error_of(file_of("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "")),
           "type '<c8'");
  contains(error_of(file_of("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "")),
           "holds records");
  contains(error_of(file_of("{'descr': '<f4', 'descr': '<f4'}", "")), "'descr' stands twice");
  contains(error_of(file_of("{'descr': '<f4', 'shape': (-1,)}", "")), "whole numbers >= 0");
  contains(error_of(file_of("{'descr': '<f4', 'shape': (2,)}", "")), "must have descr");
  contains(
      error_of(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,"
                       " 4611686018427387904)}",
                       "")),
      "too many elements");
  contains(error_of(file_of("{'wat': 3}", "")), "unknown key 'wat'");
}

}  // namespace
}  // namespace rung
