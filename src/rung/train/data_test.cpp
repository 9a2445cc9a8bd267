#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/io/image.h"
#include "rung/train/classification_data.h"
#include "rung/train/forecasting_data.h"
#include "rung/train/segmentation_data.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

void write_image(const fs::path& path, int64_t height, int64_t width, uint8_t value) {
  fs::create_directories(path.parent_path());
  Tensor image(DType::kU8, {1, height, width});
  for (int64_t i = 0; i < image.elements(); ++i) image.set(i, value);
  save_png(path, image);
}

std::vector<int64_t> all(const Dataset& data) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < data.size(); ++i) out.push_back(i);
  return out;
}

// --- segmentation

void write_pairs(const TempFolder& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string name = "n" + std::to_string(i) + ".png";
    write_image(folder / ("images/" + name), 6, 8, static_cast<uint8_t>(10 * i));
    write_image(folder / ("masks/" + name), 6, 8, i % 2 == 0 ? 0 : 255);
  }
}

SegmentationData pairs(const TempFolder& folder) {
  return {.images = folder / "images", .masks = folder / "masks", .channels = 1};
}

TEST(SegmentationData, EveryImageIsInOnePart) {
  const TempFolder folder;
  write_pairs(folder, 20);
  SegmentationData options = pairs(folder);
  options.augment = {};
  const OpenedData data = open_segmentation(options);
  EXPECT_EQ(data.parts.test->size(), 4);
  EXPECT_EQ(data.parts.validation->size(), 2);
  EXPECT_EQ(data.parts.train->size(), 14);
  std::vector<float> seen;
  for (const auto& part : {data.parts.train, data.parts.validation, data.parts.test}) {
    const Batch batch = part->batch(all(*part), nullptr);
    for (int64_t i = 0; i < part->size(); ++i) {
      const auto value = batch.input[i][0][0][0].item<float>();
      seen.push_back(value);
      const auto number = static_cast<int>(std::lround(value * 25.5));
      EXPECT_EQ(batch.target[i].mean().item<float>(), number % 2 == 0 ? 0 : 1);
    }
  }
  std::sort(seen.begin(), seen.end());
  for (int i = 0; i < 20; ++i) EXPECT_NEAR(seen[static_cast<size_t>(i)], i * 10 / 255., 1e-6);
}

TEST(SegmentationData, CropsAndTurnsImageAndMaskAlike) {
  const TempFolder folder;
  fs::create_directories(folder / "images");
  fs::create_directories(folder / "masks");
  Tensor image(DType::kU8, {1, 8, 8});
  for (int64_t i = 0; i < 64; ++i) image.set(i, i % 3 == 0 ? 255 : 0);
  for (const char* name : {"a.png", "b.png"}) {
    save_png(folder / "images" / fs::path(name), image);
    save_png(folder / "masks" / fs::path(name), image);
  }
  SegmentationData options = pairs(folder);
  options.crop = {{5, 10}};  // wider than the image: zeros come in
  options.validation = 0;
  options.test = 0;
  const OpenedData data = open_segmentation(options);
  Rng rng(3);
  for (int i = 0; i < 20; ++i) {
    const Batch batch = data.parts.train->batch(all(*data.parts.train), &rng);
    EXPECT_EQ(batch.input.sizes(), (std::vector<int64_t>{2, 1, 5, 10}));
    const at::Tensor outside = batch.target.lt(0);
    EXPECT_EQ(outside.sum().item<int64_t>(), 2 * 5 * 2) << "what the image lacks is not counted";
    EXPECT_TRUE(torch::equal(batch.input, batch.target.masked_fill(outside, 0)));
  }
  EXPECT_EQ(data.parts.train->shape(0, true), (std::vector<int64_t>{1, 5, 10}));
  EXPECT_EQ(data.parts.train->shape(0, false), (std::vector<int64_t>{1, 8, 8}));
}

TEST(SegmentationData, AnIndexSaysWhichPart) {
  const TempFolder folder;
  write_pairs(folder, 4);
  SegmentationData options = pairs(folder);
  options.index = folder / "index.csv";
  write_file(options.index, "id,split\nn0,train\nn1,test\nn2,val\nn3,train\n");
  const OpenedData data = open_segmentation(options);
  EXPECT_EQ(data.parts.train->size(), 2);
  EXPECT_EQ(data.parts.validation->size(), 1);
  EXPECT_NEAR(data.parts.test->batch(all(*data.parts.test), nullptr).input.mean().item<float>(),
              10 / 255., 1e-6);
  const auto message = [&](const std::string& text) {
    write_file(options.index, text);
    return user_error([&] { open_segmentation(options); });
  };
  EXPECT_NE(message("id,split\nn0,train\nzz,test\n").find("index.csv:3: there is no image 'zz'"),
            std::string::npos);
  EXPECT_NE(message("id,split\nn0,training\n").find("it is one of train, val, test"),
            std::string::npos);
  EXPECT_NE(message("id,split\nn0,train\nn0,test\n").find("stands there twice"), std::string::npos);
  EXPECT_NE(message("name,split\nn0,train\n").find("has no column 'id'"), std::string::npos);
  EXPECT_NE(message("id,split\nn0,test\n").find("no image is left to train on"), std::string::npos);
}

TEST(SegmentationData, SaysWhatIsMissing) {
  const TempFolder folder;
  write_pairs(folder, 3);
  fs::remove(folder / "masks/n1.png");
  const auto message = [&] { return user_error([&] { open_segmentation(pairs(folder)); }); };
  EXPECT_NE(message().find("n1.png has no mask"), std::string::npos);
  write_image(folder / "masks/n1.png", 6, 7, 0);
  EXPECT_NE(message().find("is 6 x 8 and its mask"), std::string::npos);
  write_file(folder / "masks/n1.png", "no image");
  EXPECT_NE(message().find("n1.png"), std::string::npos);
  fs::remove_all(folder / "masks");
  fs::create_directories(folder / "masks");
  EXPECT_NE(message().find("holds no image"), std::string::npos);
  fs::remove_all(folder / "masks");
  EXPECT_NE(message().find("cannot read the folder"), std::string::npos);
}

// --- classification

TEST(ClassificationData, FoldersAreClasses) {
  const TempFolder folder;
  for (int i = 0; i < 10; ++i) {
    const std::string name = std::to_string(i) + ".png";
    write_image(folder / ("dark/" + name), 4, 4, 0);
    write_image(folder / ("light/" + name), 4, 4, 255);
  }
  const OpenedData data = open_classification({.folder = folder.path(), .channels = 1});
  EXPECT_EQ(data.names, (std::vector<std::string>{"dark", "light"}));
  EXPECT_EQ(data.parts.train->size() + data.parts.validation->size() + data.parts.test->size(), 20);
  const Batch batch = data.parts.train->batch(all(*data.parts.train), nullptr);
  EXPECT_TRUE(torch::equal(batch.input.mean({1, 2, 3}), batch.target.to(at::kFloat)));
}

TEST(ClassificationData, PartsMayHaveFoldersOfTheirOwn) {
  const TempFolder folder;
  for (const auto& [part, count] : {std::pair("train", 10), {"val", 3}, {"test", 2}}) {
    for (int i = 0; i < count; ++i) {
      const std::string name = "/" + std::to_string(i) + ".png";
      write_image(folder / (part + std::string("/dark") + name), 4, 4, 0);
      write_image(folder / (part + std::string("/light") + name), 4, 4, 255);
    }
  }
  ClassificationData options = {.folder = folder.path(), .channels = 1};
  const auto sizes = [&] {
    const OpenedData data = open_classification(options);
    EXPECT_EQ(data.names, (std::vector<std::string>{"dark", "light"}));
    return std::vector<int64_t>{data.parts.train->size(), data.parts.validation->size(),
                                data.parts.test->size()};
  };
  EXPECT_EQ(sizes(), (std::vector<int64_t>{20, 6, 4}));
  options.limit = 5;  // of what is trained on; what it is measured on stays
  EXPECT_EQ(sizes(), (std::vector<int64_t>{5, 6, 4}));
}

TEST(ClassificationData, SizesMustAgreeOrBeGiven) {
  const TempFolder folder;
  for (int i = 0; i < 3; ++i) {
    write_image(folder / ("a/" + std::to_string(i) + ".png"), 4, 4, 0);
    write_image(folder / ("b/" + std::to_string(i) + ".png"), 8, 6, 100);
  }
  ClassificationData options{.folder = folder.path(), .channels = 3};
  EXPECT_NE(user_error([&] { open_classification(options); }).find("give data.size"),
            std::string::npos);
  options.size = {{2, 3}};
  const OpenedData data = open_classification(options);
  EXPECT_EQ(data.parts.train->shape(0, true), (std::vector<int64_t>{3, 2, 3}));
  fs::remove_all(folder / "b");
  EXPECT_NE(user_error([&] { open_classification(options); }).find("two at least"),
            std::string::npos);
}

std::string idx(std::vector<int> shape, size_t bytes, char value) {
  std::string out{0, 0, 8, static_cast<char>(shape.size())};
  for (const int size : shape) out += std::string{0, 0, 0, static_cast<char>(size)};
  return out + std::string(bytes, value);
}

void write_idx(const TempFolder& folder, int labels) {
  write_file(folder / "train-images-idx3-ubyte", idx({4, 2, 2}, 16, 51));
  write_file(folder / "train-labels-idx1-ubyte", idx({labels}, static_cast<size_t>(labels), 2));
  write_file(folder / "t10k-images-idx3-ubyte", idx({1, 2, 2}, 4, 51));
  write_file(folder / "t10k-labels-idx1-ubyte", idx({1}, 1, 0));
}

TEST(ClassificationData, IdxFiles) {
  const TempFolder folder;
  write_idx(folder, 4);
  const OpenedData data = open_classification({.idx = folder.path(), .validation = 0.25});
  EXPECT_EQ(data.parts.train->size(), 3);
  EXPECT_EQ(data.parts.validation->size(), 1);
  EXPECT_EQ(data.parts.test->size(), 1);
  EXPECT_EQ(data.names.size(), 3u);
  const std::vector<int64_t> first = {0};
  const Batch batch = data.parts.train->batch(first, nullptr);
  EXPECT_TRUE(torch::equal(batch.input, at::full({1, 1, 2, 2}, 0.2f)));
  EXPECT_EQ(batch.target.item<int64_t>(), 2);
}

TEST(ClassificationData, ALimitLeavesTheOtherPartsWhole) {
  const TempFolder folder;
  write_idx(folder, 4);
  const OpenedData data =
      open_classification({.idx = folder.path(), .validation = 0.5, .limit = 1});
  EXPECT_EQ(data.parts.train->size(), 1);
  EXPECT_EQ(data.parts.validation->size(), 2);
}

TEST(ClassificationData, HiddenFilesAndFoldersAreNone) {
  const TempFolder folder;
  for (const char* name : {"dark/0.png", "dark/1.png", "light/0.png", "light/1.png"}) {
    write_image(folder / name, 4, 4, 0);
  }
  write_image(folder / ".ipynb_checkpoints/0.png", 4, 4, 0);
  write_file(folder / "dark/._0.png", "what a file manager leaves behind");
  const OpenedData data = open_classification({.folder = folder.path(), .channels = 1});
  EXPECT_EQ(data.names, (std::vector<std::string>{"dark", "light"}));
  EXPECT_EQ(data.facts().dump(), R"({"classes":["dark","light"]})");
}

TEST(ClassificationData, IdxFilesThatDoNotFit) {
  const TempFolder folder;
  write_idx(folder, 3);
  const auto message = [&] {
    return user_error([&] { open_classification({.idx = folder.path()}); });
  };
  EXPECT_NE(message().find("holds 4 images and "), std::string::npos);
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  write_file(folder / "train-labels-idx1-ubyte", idx({4}, 4, 1));
  EXPECT_NE(message().find("there is neither"), std::string::npos);
  EXPECT_NE(user_error([&] {
              open_classification({});
            }).find("one of data.idx, data.folder and data.csv"),
            std::string::npos);
}

// --- forecasting

ForecastingData table(const TempFolder& folder, const std::string& text) {
  write_file(folder / "t.csv", text);
  return {.file = folder / "t.csv", .window = 2, .horizon = 1, .split = {4, 2, 2}};
}

TEST(ForecastingData, WindowsAndWhatComesBehindThem) {
  const TempFolder folder;
  std::string text = "time,a,b\n";
  for (int i = 0; i < 8; ++i) text += fmt::format("t{},{},{}\n", i, i, 7);
  const OpenedData data = open_forecasting(table(folder, text));
  EXPECT_EQ(data.names, (std::vector<std::string>{"a", "b"}));
  // Rows 0 to 3 train: windows before rows 2 and 3. Mean 1.5, deviation √1.25; b never changes.
  ASSERT_EQ(data.parts.train->size(), 2);
  EXPECT_EQ(data.parts.validation->size(), 2);
  EXPECT_EQ(data.parts.test->size(), 2);
  EXPECT_NEAR(data.scales[0].first, 1.5, 1e-12);
  EXPECT_NEAR(data.scales[0].second, std::sqrt(1.25), 1e-12);
  EXPECT_EQ(data.scales[1].second, 1);
  const auto row = [&](double a) { return static_cast<float>((a - 1.5) / std::sqrt(1.25)); };
  const std::vector<int64_t> last = {1};
  const Batch batch = data.parts.test->batch(last, nullptr);
  EXPECT_EQ(batch.input.sizes(), (std::vector<int64_t>{1, 2, 2}));
  EXPECT_FLOAT_EQ(batch.input[0][0][0].item<float>(), row(5));
  EXPECT_FLOAT_EQ(batch.input[0][1][0].item<float>(), row(6));
  EXPECT_FLOAT_EQ(batch.target[0][0][0].item<float>(), row(7));
  EXPECT_EQ(batch.target[0][0][1].item<float>(), 0);
}

TEST(ForecastingData, SaysWhereItIsWrong) {
  const TempFolder folder;
  const auto message = [&](const std::string& text) {
    return user_error([&] { open_forecasting(table(folder, text)); });
  };
  EXPECT_NE(message("a\n1\n2\nx\n4\n5\n6\n7\n8\n").find("t.csv:4: column 'a' holds 'x'"),
            std::string::npos);
  EXPECT_NE(message("a\n1\n2\nnan\n4\n5\n6\n7\n8\n").find("not a finite number"),
            std::string::npos);
  EXPECT_NE(message("a\n1\n2\n3\n").find("asks for 8 rows, and"), std::string::npos);
  EXPECT_NE(message("a\nx\n2\n3\n").find("no column of numbers"), std::string::npos);
  ForecastingData options = table(folder, "a\n1\n2\n3\n4\n");
  options.split = {0.5, 0.25, 0.25};
  EXPECT_NE(user_error([&] { open_forecasting(options); }).find("need 3"), std::string::npos);
  options.split = {0.5, 0.5, 0.5};
  EXPECT_NE(user_error([&] { open_forecasting(options); }).find("shares that add up to 1.5"),
            std::string::npos);
  options.split = {2, 1, 1};
  options.inputs = {"c"};
  EXPECT_NE(user_error([&] { open_forecasting(options); }).find("its columns are 'a"),
            std::string::npos);
}

// --- augmentation

TEST(Augment, EachChangeDoesWhatItSays) {
  const at::Tensor image = torch::randint(1, 200, {1, 6, 6}).to(at::kFloat) / 255;
  const at::Tensor bytes = image.mul(255).round().to(at::kByte);
  const auto draw = [&](const Augment& how, uint64_t seed) {
    Rng rng(seed);
    at::Tensor x = image.clone(), mask = bytes.clone();
    augment(how, rng, x, mask);
    return std::pair(x, mask);
  };
  bool flipped = false, moved = false, blank = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_TRUE(torch::equal(draw({}, seed).first, image));
    const auto [flip, flip_mask] = draw({.flip = true}, seed);
    EXPECT_TRUE(torch::equal(flip.mul(255).round().to(at::kByte), flip_mask));
    flipped = flipped || torch::equal(flip, image.flip({2}));
    const auto [shift, shift_mask] = draw({.shift = 2}, seed);
    EXPECT_TRUE(torch::equal(shift.mul(255).round().to(at::kByte),
                             shift_mask.masked_fill(shift_mask.eq(kMaskIgnored), 0)));
    moved = moved || shift.eq(0).sum().item<int64_t>() >= 6;
    const auto [erased, erased_mask] = draw({.erase = 3}, seed);
    EXPECT_TRUE(torch::equal(erased_mask, bytes));
    blank = blank || erased.eq(0).sum().item<int64_t>() == 9;
    const at::Tensor turned = draw({.rotate = true}, seed).first;
    EXPECT_NEAR(turned.sum().item<float>(), image.sum().item<float>(), 1e-4);
    const at::Tensor bright = draw({.brightness = 0.2}, seed).first;
    EXPECT_LE((bright - image).abs().max().item<float>(), 0.2f + 1e-6f);
  }
  EXPECT_TRUE(flipped && moved && blank);
}

TEST(Augment, ShiftedPixelsComeFromWhereTheyWere) {
  const at::Tensor image = at::arange(25, at::kFloat).view({1, 5, 5}) + 1;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed), same(seed);
    at::Tensor x = image.clone(), none;
    augment({.shift = 2}, rng, x, none);
    const int64_t dy = same.integer(-2, 2), dx = same.integer(-2, 2);
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        const int64_t y = i - dy, z = j - dx;
        const bool inside = y >= 0 && y < 5 && z >= 0 && z < 5;
        EXPECT_EQ(x[0][i][j].item<float>(), inside ? image[0][y][z].item<float>() : 0);
      }
    }
  }
}

}  // namespace
}  // namespace rung
