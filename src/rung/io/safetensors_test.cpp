#include "rung/io/safetensors.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

// A file from its header's JSON and the number of data bytes behind it.
std::string file_of(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string out(reinterpret_cast<const char*>(&length), sizeof length);
  return out + header + std::string(data_bytes, '\1');
}

std::string error_of(const std::string& content) {
  const TempFolder folder;
  const auto path = folder / "w.safetensors";
  std::ofstream(path) << content;
  try {
    load_safetensors(path);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("w.safetensors"), std::string::npos);
    return error.what();
  }
  return "no error";
}

TEST(Safetensors, WritesWhatItReads) {
  const TempFolder folder;
  Safetensors content;
  for (const auto& type : kDTypes) {
    Tensor tensor(type.dtype, {2, 3});
    for (int64_t i = 0; i < 6; ++i) tensor.set(i, static_cast<double>(i % 2));
    content.tensors["of " + std::string(type.name)] = tensor;
  }
  content.tensors["scalar"] = Tensor::f32({}, {3.5F});
  content.tensors["empty"] = Tensor(DType::kI8, {0, 4});
  content.metadata = {{"a", "b"}, {"quoted \"ü\"", "line\nline"}};
  save_safetensors(folder / "w.safetensors", content);
  const Safetensors back = load_safetensors(folder / "w.safetensors");
  EXPECT_EQ(back.metadata, content.metadata);
  ASSERT_EQ(back.tensors.size(), content.tensors.size());
  for (const auto& [name, tensor] : content.tensors) {
    EXPECT_TRUE(back.tensors.at(name).identical(tensor)) << name;
    const auto address = reinterpret_cast<uintptr_t>(back.tensors.at(name).data());
    EXPECT_EQ(address % static_cast<uintptr_t>(size_of(tensor.dtype())), 0u) << name;
  }
  const std::string once = read_file(folder / "w.safetensors");
  save_safetensors(folder / "w.safetensors", back);  // over the very file that is mapped
  EXPECT_EQ(read_file(folder / "w.safetensors"), once);
}

TEST(Safetensors, MapsTheFileAndNeverWritesToIt) {
  const TempFolder folder;
  const auto path = folder / "w.safetensors";
  save_safetensors(path, {.tensors = {{"w", Tensor::f32({2}, {1, 2})}}});
  const std::string before = read_file(path);
  Tensor tensor = load_safetensors(path).tensors.at("w");
  tensor.set(0, 7);
  EXPECT_EQ(tensor.at(0), 7);
  EXPECT_EQ(read_file(path), before);
  EXPECT_EQ(load_safetensors(path).tensors.at("w").at(0), 1);
}

TEST(Safetensors, CopiesWhatLiesUnaligned) {
  const TempFolder folder;
  const auto path = folder / "w.safetensors";
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  std::ofstream(path) << file_of(header, 5);
  const Tensor b = load_safetensors(path).tensors.at("b");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % 4, 0u);
  EXPECT_EQ(b.as<float>()[0], std::bit_cast<float>(0x01010101));
}

TEST(Safetensors, RefusesWhatIsNoSafetensorsFile) {
  EXPECT_NE(error_of("").find("only 0 bytes"), std::string::npos);
  EXPECT_NE(error_of("hello, world").find("its header would have"), std::string::npos);
  EXPECT_NE(error_of("PK\x03\x04 and so on").find("safetensors.torch.save_file"),
            std::string::npos);
  EXPECT_NE(error_of(file_of("{}", 0).substr(0, 9)).find("is cut short"), std::string::npos);
  EXPECT_NE(error_of(file_of("{\"a\":", 0)).find("not valid JSON: parse error at line 1"),
            std::string::npos);
  EXPECT_NE(error_of(file_of("[]", 0)).find("must be a JSON object"), std::string::npos);
  EXPECT_NE(error_of(file_of(std::string(1000, '['), 0)).find("nested deeper"), std::string::npos);
}

TEST(Safetensors, ChecksEveryEntry) {
  const auto entry = [](const std::string& json, size_t bytes) {
    return error_of(file_of("{\"w\":" + json + "}", bytes));
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(entry(R"({"dtype":"F32","shape":[2]})", 8), "lacks \"data_offsets\"");
  contains(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8), "whole numbers >= 0");
  contains(entry(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})", 8), "whole numbers >= 0");
  contains(entry(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})", 8), "must be a list");
  contains(entry(R"({"dtype":3,"shape":[2],"data_offsets":[0,8]})", 8), "must be a string");
  contains(entry(R"({"dtype":"C64","shape":[1],"data_offsets":[0,8]})", 8), "dtype 'C64'");
  contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8), "behind its end");
  contains(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8),
           "is f32[3], but holds 8 bytes");
  contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7), "is cut short");
  contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 9),
           "1 bytes behind its last");
  contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})", 12), "belong to none");
  contains(entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})", 8),
           "too many elements");
  contains(entry(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})", 8),
           "absurd size");
}

TEST(Safetensors, RefusesOverlapsAndDuplicates) {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const std::string b = R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]})";
  EXPECT_NE(error_of(file_of("{" + a + "," + b + "}", 6)).find("'a' and 'b' overlap"),
            std::string::npos);
  EXPECT_NE(error_of(file_of("{" + a + "," + a + "}", 4)).find("the name 'a' stands twice"),
            std::string::npos);
}

TEST(Safetensors, ExplainsWhatItCannotOpen) {
  EXPECT_THROW(load_safetensors("/no/such/file"), Error);
  EXPECT_THROW(load_safetensors("/"), Error);
  EXPECT_THROW(load_safetensors("/dev/zero"), Error);
}

TEST(Safetensors, RefusesNamesThatTheFormatCannotHold) {
  const TempFolder folder;
  const auto path = folder / "w.safetensors";
  EXPECT_THROW(save_safetensors(path, {.tensors = {{"__metadata__", Tensor::f32({}, {1})}}}),
               Error);
  EXPECT_THROW(save_safetensors(path, {.tensors = {{"\xff", Tensor::f32({}, {1})}}}), Error);
  EXPECT_TRUE(folder.empty());
}

}  // namespace
}  // namespace rung
