#include "rung/io/pytorch/pth.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/io/pytorch/pickle_testing.h"
#include "rung/io/pytorch/zip_testing.h"
#include "rung/io/pytorch/zip_writer.h"

namespace rung {
namespace {

using namespace rung::testing;

const std::vector<float> kSix = {0, 1, 2, 3, 4, 5};

// Without waiting for the disk, as write_file does.
void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

StateDict load(const std::string& bytes, const std::string& key = {}) {
  const TempFolder folder;
  put(folder / "w.pth", bytes);
  return load_pth(folder / "w.pth", key);
}

/// The message, without the folder.
std::string refusal(const std::string& bytes, ErrorKind kind = ErrorKind::kUser) {
  const TempFolder folder;
  put(folder / "w.pth", bytes);
  std::string text = error_of(kind, [&] { load_pth(folder / "w.pth"); });
  const std::string path = folder.path().string() + "/";
  for (size_t at = text.find(path); at != std::string::npos; at = text.find(path)) {
    text.erase(at, path.size());
  }
  return text;
}

std::string legacy(const std::string& object) { return legacy_file(object, {{"0", kSix}}); }

Weights all_types() {
  Weights out = {{"scalar", Tensor::f32({}, {3.5F})}, {"empty", Tensor(DType::kI8, {0, 4})}};
  for (const auto& type : kDTypes) {
    Tensor tensor(type.dtype, {2, 3});
    for (int64_t i = 0; i < 6; ++i) tensor.set(i, static_cast<double>(i % 2));
    out["of." + std::string(type.name)] = tensor;
  }
  return out;
}

TEST(Pth, ReadsWhatItWrites) {
  const TempFolder folder;
  const Weights tensors = all_types();
  save_pth(folder / "w.pth", tensors);
  const StateDict back = load_pth(folder / "w.pth");
  EXPECT_EQ(back.note, "");
  ASSERT_EQ(back.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(back.tensors.at(name).identical(tensor)) << name;
  }
  const std::string once = read_file(folder / "w.pth");
  save_pth(folder / "w.pth", back.tensors);  // over the very file that is mapped
  EXPECT_EQ(read_file(folder / "w.pth"), once);
  EXPECT_THROW(save_pth(folder / "bad.pth", {{"\xff", Tensor::f32({}, {1})}}), Error);
  EXPECT_FALSE(path_exists(folder / "bad.pth"));
}

TEST(Pth, ReadsTheFormBeforeTheArchive) {
  const StateDict state =
      load(legacy_file(dict({{"b", tensor({.key = "1", .elements = 1, .sizes = {}, .strides = {}})},
                             {"a", tensor()}}),
                       {{"0", kSix}, {"1", {7}}}));
  EXPECT_EQ(state.tensors.at("a").shape(), (Shape{2, 3}));
  EXPECT_EQ(state.tensors.at("a").at(5), 5);
  EXPECT_EQ(state.tensors.at("b").at(0), 7);
}

TEST(Pth, MakesTensorsDense) {
  const StateDict state =
      load(legacy(dict({{"turned", tensor({.sizes = {3, 2}, .strides = {1, 3}})},
                        {"column", tensor({.sizes = {2}, .strides = {3}, .offset = 1})},
                        {"row", tensor({.sizes = {1, 3}, .strides = {99, 1}, .offset = 3})},
                        {"none", tensor({.sizes = {0, 3}, .strides = {3, 1}})}})));
  const Tensor& turned = state.tensors.at("turned");
  EXPECT_TRUE(turned.identical(Tensor::f32({3, 2}, {0, 3, 1, 4, 2, 5})));
  EXPECT_TRUE(state.tensors.at("column").identical(Tensor::f32({2}, {1, 4})));
  EXPECT_TRUE(state.tensors.at("row").identical(Tensor::f32({1, 3}, {3, 4, 5})));
  EXPECT_EQ(state.tensors.at("none").elements(), 0);
}

TEST(Pth, FindsTheStateDictOfACheckpoint) {
  const std::string tensors = dict({{"a", tensor()}});
  StateDict state = load(legacy(dict({{"epoch", whole(3)}, {"state_dict", tensors}})));
  EXPECT_EQ(state.tensors.size(), 1u);
  EXPECT_EQ(state.note, "its 'state_dict'");
  state = load(legacy(dict({{"state_dict", dict({{"model", tensors}})}})));
  EXPECT_EQ(state.note, "its 'state_dict' 'model'");
  state = load(legacy(dict({{"mine", tensors}, {"lr", "N"}})));
  EXPECT_EQ(state.note, "its 'mine'");
  state = load(legacy(dict({{"a", tensor()}, {"epoch", whole(3)}})));
  EXPECT_EQ(state.note, "left out: 'epoch'");

  const std::string two =
      legacy(dict({{"teacher", tensors}, {"student", dict({{"b", tensor()}})}}));
  EXPECT_EQ(refusal(two),
            "w.pth holds 2 dicts of tensors: 'teacher', 'student'; choose one as "
            "w.pth:KEY");
  EXPECT_TRUE(load(two, "student").tensors.contains("b"));
  EXPECT_THROW(load(two, "pupil"), Error);
  EXPECT_EQ(refusal(legacy(dict({{"epoch", whole(3)}}))), "w.pth holds no tensors; it has 'epoch'");
  EXPECT_TRUE(refusal(legacy(tensor())).starts_with("w.pth holds a tensor, not a dict of tensors"));
  EXPECT_TRUE(refusal(legacy("]")).starts_with("w.pth holds a list"));
  // A dict that is its own state dict.
  EXPECT_TRUE(refusal(legacy("}q\1" + text("model") + "h\1s")).find("holds no tensors") !=
              std::string::npos);
}

TEST(Pth, NamesTheTensorThatIsWrong) {
  const auto wrong = [](const TensorText& of) {
    return refusal(legacy(dict({{"fc.weight", tensor(of)}})));
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_TRUE(text.find("w.pth") != std::string::npos && text.find(part) != std::string::npos)
        << text;
  };
  contains(wrong({.offset = 1}), "tensor 'fc.weight' of w.pth reaches outside of its memory");
  contains(wrong({.sizes = {3, 3}}), "offset 0, sizes [3, 3], strides [3, 1], 6 elements");
  contains(wrong({.strides = {2147483647, 2147483647}}), "reaches outside of its memory");
  contains(wrong({.sizes = {2, -3}}), "no whole numbers of 0 or more");
  contains(wrong({.strides = {-3, 1}}), "no whole numbers of 0 or more");
  contains(wrong({.offset = -1}), "has a broken offset");
  contains(wrong({.strides = {1}}), "has 2 sizes and 1 strides");
  contains(wrong({.sizes = {2147483647, 2147483647, 2147483647}, .strides = {0, 0, 0}}),
           "too many elements");
  contains(wrong({.elements = 7}), "memory '0' has 24 bytes, and its tensors need 28");
  contains(wrong({.key = "1"}), "no tensor uses memory '0'");
  contains(wrong({.type = "DoubleStorage"}), "memory '0' is not whole");
  const std::string expanded = legacy(dict({{"a", tensor({.sizes = {7}, .strides = {0}})}}));
  contains(refusal(expanded, ErrorKind::kUnsupported), "is expanded: [7] repeats the 6 elements");
  const std::string complex = legacy(dict(
      {{"a",
        tensor({.elements = 3, .sizes = {3}, .strides = {1}, .type = "ComplexFloatStorage"})}}));
  contains(refusal(complex, ErrorKind::kUnsupported), "elements of torch.ComplexFloatStorage");
  const std::string big = legacy_file(dict({{"a", tensor()}}), {{"0", kSix}}, false);
  contains(refusal(big, ErrorKind::kUnsupported), "written on a big-endian machine");
}

// Many views of one memory, none of them dense.
TEST(Pth, BoundsItsCopies) {
  constexpr int32_t kSide = 512;
  const TensorText turned = {
      .elements = kSide * kSide, .sizes = {kSide, kSide}, .strides = {1, kSide}};
  std::vector<std::pair<std::string, std::string>> items;
  for (int i = 0; i < 10; ++i) items.emplace_back(std::to_string(i), tensor(turned));
  const std::vector<float> memory(kSide * kSide);
  const std::string text = refusal(legacy_file(dict(items), {{"0", memory}}));
  EXPECT_NE(text.find("copies would take"), std::string::npos) << text;
}

TEST(Pth, SaysWhatOtherArchivesAre) {
  EXPECT_TRUE(
      refusal(testing::zip_of({{"a/code/m.py", ""}, {"a/constants.pkl", ""}, {"a/data.pkl", ""}}))
          .starts_with("w.pth is a TorchScript archive, a whole network; give it as the"));
  EXPECT_TRUE(refusal(testing::zip_of({{"serialized_exported_program.json", "{}"}}))
                  .starts_with("w.pth is an exported program, a whole network"));
  EXPECT_NE(refusal(testing::zip_of({{"word/document.xml", ""}})).find("torch.save did not write"),
            std::string::npos);
  const std::string object = pickle(dict({{"a", tensor()}}));
  EXPECT_NE(refusal(testing::zip_of({{"a/data.pkl", object}})).find("it lacks 'a/data/0'"),
            std::string::npos);
  EXPECT_NE(refusal(testing::zip_of({{"a/data.pkl", object}, {"a/byteorder", "big"}}),
                    ErrorKind::kUnsupported)
                .find("big-endian"),
            std::string::npos);
  EXPECT_NE(refusal(testing::zip_of({{"a/data.pkl", object}, {"a/data/0", "short"}}))
                .find("memory '0' has 5 bytes, and its tensors need 24"),
            std::string::npos);
  EXPECT_NE(
      refusal(testing::zip_of({{"a/data.pkl", pickle(global("os", "system"))}})).find("os.system"),
      std::string::npos);
}

// A flip anywhere in the memory of a tensor is seen too: the archive has check sums.
TEST(Pth, RefusesEveryCutAndEveryFlipOfATensor) {
  const TempFolder folder;
  save_pth(folder / "w.pth", {{"a", Tensor::f32({2, 3}, kSix)}});
  const std::string valid = read_file(folder / "w.pth");
  const std::string old = legacy(dict({{"a", tensor()}}));
  for (size_t size = 0; size < valid.size(); ++size) refusal(valid.substr(0, size));
  for (size_t size = 0; size < old.size(); ++size) refusal(old.substr(0, size));
  const size_t begin = valid.find(bytes_of(1.0F) + bytes_of(2.0F)) - sizeof(float);
  for (size_t at = begin; at < begin + 24; ++at) {
    std::string flipped = valid;
    flipped[at] ^= 8;
    EXPECT_NE(refusal(flipped).find("check sum"), std::string::npos) << at;
  }
}

}  // namespace
}  // namespace rung
