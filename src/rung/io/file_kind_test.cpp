#include "rung/io/file_kind.h"

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/expect_error.h"
#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/io/model_file.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

void add_number(std::string& bytes, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

// An archive of empty files.
std::string zip(const std::vector<std::string>& names) {
  std::string out, directory;
  for (const auto& name : names) {
    const size_t at = out.size();
    out += std::string("PK\x03\x04", 4) + std::string(22, '\0');
    add_number(out, name.size(), 2);
    add_number(out, 0, 2);
    out += name;
    directory += std::string("PK\x01\x02", 4) + std::string(24, '\0');
    add_number(directory, name.size(), 2);
    directory += std::string(12, '\0');
    add_number(directory, at, 4);
    directory += name;
  }
  const size_t at = out.size();
  out += directory + std::string("PK\x05\x06", 4) + std::string(4, '\0');
  add_number(out, names.size(), 2);
  add_number(out, names.size(), 2);
  add_number(out, directory.size(), 4);
  add_number(out, at, 4);
  return out + std::string(2, '\0');
}

class FileKindTest : public testing::Test {
 protected:
  FileContent of(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return file_content(folder_ / name);
  }
  FileKind kind(const std::string& name, const std::string& bytes) { return of(name, bytes).kind; }
  TempFolder folder_;
};

TEST_F(FileKindTest, ContentCountsAndNotTheName) {
  save_model(zoo("mlp"), folder_ / "a.onnx");
  EXPECT_EQ(file_content(folder_ / "a.onnx").kind, FileKind::kRung);
  save_safetensors(folder_ / "b.rung", {.tensors = {{"w", Tensor::f32({1}, {1})}}});
  EXPECT_EQ(file_content(folder_ / "b.rung").kind, FileKind::kSafetensors);
  EXPECT_EQ(kind("c.pt", std::string("\x08\x07\x12\x07pytorch", 11)), FileKind::kOnnx);
  EXPECT_EQ(of("d.rung", "\x89PNG\r\n\x1a\n").what, "a PNG picture");
  EXPECT_EQ(of("e.onnx", "epochs = 3\n").what, "a text file");
  EXPECT_EQ(of("f.pt", "").what, "empty");
}

TEST_F(FileKindTest, ArchivesOfPyTorchAreToldApartByWhatTheyHold) {
  EXPECT_EQ(kind("a", zip({"net/data.pkl", "net/code/__torch__.py", "net/constants.pkl"})),
            FileKind::kTorchScript);
  EXPECT_EQ(kind("b", zip({"archive/data.pkl", "archive/data/0"})), FileKind::kCheckpoint);
  EXPECT_EQ(kind("c", zip({"serialized_exported_program.json", "serialized_state_dict.pt"})),
            FileKind::kPt2);
  EXPECT_EQ(kind("d", zip({"net/archive_format", "net/models/model.json"})), FileKind::kPt2);
  EXPECT_EQ(of("e.pt", zip({"word/document.xml"})).what, "a zip archive");
  const std::string whole = zip({"net/data.pkl", "net/code/__torch__.py"});
  // Damaged ones are refused, or told by what is still there; nothing worse.
  const auto kind_or_refusal = [&](const std::string& name, const std::string& bytes) {
    try {
      kind(name, bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUser);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  };
  for (size_t bytes = 4; bytes < whole.size(); ++bytes) {
    kind_or_refusal("cut.pt", whole.substr(0, bytes));
  }
  for (size_t at = 4; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    kind_or_refusal("flipped.pt", flipped);
  }
}

TEST_F(FileKindTest, TheNameDecidesWhereTheContentSaysNothing) {
  const std::string noise("\x01\x02\xfe\xff\x00\x07", 6);
  EXPECT_EQ(kind("a.rung", noise), FileKind::kRung);
  EXPECT_EQ(kind("a.onnx", noise), FileKind::kOnnx);
  EXPECT_EQ(kind("a.pt", noise), FileKind::kOther);
  EXPECT_NE(user_error([&] { file_content(folder_.path()); }).find("it is a folder"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
