#include "rung/train/mask_classes.h"

#include <png.h>
#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/image.h"
#include "rung/train/coco.h"
#include "rung/train/segmentation_data.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

constexpr Color kRed = {255, 0, 0}, kGreen = {0, 255, 0}, kBlack = {0, 0, 0};

/// Class numbers 0, 1, 2 in a picture of some size.
at::Tensor some_classes(int64_t h, int64_t w, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randint(0, 3, {h, w}, at::kByte);
}

void write_numbers(const fs::path& path, const at::Tensor& numbers) {
  fs::create_directories(path.parent_path());
  save_png(path, from_torch(numbers.to(at::kByte).unsqueeze(0).contiguous()));
}

void write_colors(const fs::path& path, const at::Tensor& numbers,
                  const std::vector<Color>& colors) {
  fs::create_directories(path.parent_path());
  at::Tensor rgb = at::zeros({3, numbers.size(0), numbers.size(1)}, at::kByte);
  for (size_t k = 0; k < colors.size(); ++k) {
    for (int64_t c = 0; c < 3; ++c) {
      rgb[c].masked_fill_(numbers.eq(static_cast<int64_t>(k)), colors[k][static_cast<size_t>(c)]);
    }
  }
  save_png(path, from_torch(rgb));
}

void write_palette(const fs::path& path, const at::Tensor& numbers,
                   const std::vector<Color>& colors) {
  fs::create_directories(path.parent_path());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(numbers.size(1));
  image.height = static_cast<png_uint_32>(numbers.size(0));
  image.format = PNG_FORMAT_RGB_COLORMAP;
  image.colormap_entries = static_cast<png_uint_32>(colors.size());
  std::vector<uint8_t> map;
  for (const Color& color : colors) map.insert(map.end(), color.begin(), color.end());
  const at::Tensor bytes = numbers.to(at::kByte).contiguous();
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, bytes.data_ptr(), 0, map.data()), 0);
}

const MaskMeaning kNumbers = {
    .classes = {{"back", int64_t{0}}, {"red", int64_t{1}}, {"green", int64_t{2}}}};
const MaskMeaning kColors = {.classes = {{"back", kBlack}, {"red", kRed}, {"green", kGreen}}};

TEST(MaskClasses, NumbersPalettesAndColoursSayTheSame) {
  const TempFolder folder;
  const at::Tensor numbers = some_classes(5, 7, 1);
  write_numbers(folder / "index.png", numbers);
  write_palette(folder / "palette.png", numbers, {kBlack, kRed, kGreen});
  write_colors(folder / "colour.png", numbers, {kBlack, kRed, kGreen});
  EXPECT_TRUE(torch::equal(read_mask(folder / "index.png", kNumbers)[0], numbers));
  EXPECT_TRUE(torch::equal(read_mask(folder / "palette.png", kNumbers)[0], numbers));
  EXPECT_TRUE(torch::equal(read_mask(folder / "palette.png", kColors)[0], numbers));
  EXPECT_TRUE(torch::equal(read_mask(folder / "colour.png", kColors)[0], numbers));
}

TEST(MaskClasses, WhatIsNoClassIsRefused) {
  const TempFolder folder;
  const at::Tensor numbers = some_classes(5, 7, 2);
  write_numbers(folder / "index.png", numbers + 2);
  EXPECT_NE(user_error([&] {
              read_mask(folder / "index.png", kNumbers);
            }).find("holds the values 3, 4, which are none of the classes: back 0, red 1, green 2"),
            std::string::npos);
  write_colors(folder / "colour.png", numbers, {kBlack, kRed, {0, 0, 255}});
  EXPECT_NE(user_error([&] {
              read_mask(folder / "colour.png", kColors);
            }).find("holds the colours #0000ff, which is none of the classes"),
            std::string::npos);
  EXPECT_NE(user_error([&] {
              read_mask(folder / "colour.png", kNumbers);
            }).find("holds colours (#000000, #0000ff, #ff0000), and data.classes gives numbers"),
            std::string::npos);
  MaskMeaning ignoring = kNumbers;
  ignoring.ignore = int64_t{255};
  write_numbers(folder / "void.png", numbers.masked_fill(numbers.eq(2), 255));
  EXPECT_NE(user_error([&] {
              read_mask(folder / "void.png", kNumbers);
            }).find("data.ignore = 255 where these pixels are not to be counted"),
            std::string::npos);
  const at::Tensor read = read_mask(folder / "void.png", ignoring)[0];
  EXPECT_TRUE(torch::equal(read.eq(kMaskIgnored), numbers.eq(2)));
}

TEST(MaskClasses, AForegroundIsBlackAndWhiteOrSaysWhatElse) {
  const TempFolder folder;
  const at::Tensor numbers = some_classes(6, 6, 3);
  const auto message = [&](const char* name) {
    return user_error([&] { read_mask(folder / name, {}); });
  };
  for (const int64_t value : {1, 255}) {
    write_numbers(folder / "two.png", numbers.gt(0).to(at::kLong) * value);
    EXPECT_TRUE(torch::equal(read_mask(folder / "two.png", {})[0], numbers.gt(0).to(at::kByte)));
  }
  write_colors(folder / "colour.png", numbers, {kBlack, kRed, kGreen});
  EXPECT_NE(message("colour.png").find("holds colours: #000000, #00ff00, #ff0000"),
            std::string::npos);
  write_palette(folder / "palette.png", numbers, {kBlack, kRed, kGreen});
  EXPECT_NE(message("palette.png").find("holds colours: #000000, #00ff00, #ff0000"),
            std::string::npos);
  write_palette(folder / "turned.png", numbers.gt(0), {{255, 255, 255}, kBlack});
  EXPECT_TRUE(torch::equal(read_mask(folder / "turned.png", {})[0], numbers.eq(0).to(at::kByte)))
      << "a palette's colours count, not their numbers";
  write_numbers(folder / "shades.png", numbers.to(at::kLong) * 100);
  EXPECT_NE(message("shades.png").find("data.threshold = 128 where they are shades"),
            std::string::npos);
  EXPECT_TRUE(torch::equal(read_mask(folder / "shades.png", {.threshold = 150})[0],
                           numbers.eq(2).to(at::kByte)));
  EXPECT_TRUE(torch::equal(read_mask(folder / "shades.png", {.instances = true})[0],
                           numbers.gt(0).to(at::kByte)));
}

TEST(MaskClasses, ObjectsHaveABorderWhereAnotherNumberIsNear) {
  const TempFolder folder;
  at::Tensor numbers = at::zeros({7, 12}, at::kByte);
  numbers.narrow(0, 1, 5).narrow(1, 1, 5).fill_(7);  // two objects that touch
  numbers.narrow(0, 1, 5).narrow(1, 6, 5).fill_(30);
  write_numbers(folder / "objects.png", numbers);
  const at::Tensor got = read_mask(folder / "objects.png", {.instances = true, .border = 1})[0];
  at::Tensor expected = numbers.gt(0).to(at::kByte) * 2;
  expected.narrow(0, 2, 3).narrow(1, 2, 3).fill_(1);
  expected.narrow(0, 2, 3).narrow(1, 7, 3).fill_(1);
  EXPECT_TRUE(torch::equal(got, expected)) << got;
}

TEST(MaskClasses, MarksMustDiffer) {
  EXPECT_EQ(user_error([] {
              check({.classes = {{"a", int64_t{1}}, {"b", int64_t{1}}}});
            }),
            "data.classes: 'a' and 'b' have the same mark, 1");
  EXPECT_EQ(user_error([] {
              check({.classes = {{"a", int64_t{1}}, {"b", kRed}}});
            }),
            "data.classes: 'a' is given by a number and 'b' by a colour; one kind for all");
  EXPECT_NE(user_error([] { parse_color("#12345"); }).find("the form is \"#rrggbb\""),
            std::string::npos);
  EXPECT_EQ(to_string(parse_color("#0aFF10")), "#0aff10");
}

// --- COCO

nlohmann::json coco_of(const at::Tensor& numbers, const std::string& image) {
  nlohmann::json root = {
      {"images",
       {{{"id", 7},
         {"file_name", image},
         {"height", numbers.size(0)},
         {"width", numbers.size(1)}}}},
      {"categories", {{{"id", 30}, {"name", "green"}}, {{"id", 4}, {"name", "red"}}}},
      {"annotations", nlohmann::json::array()}};
  for (const auto& [category, value] : {std::pair(4, 1), {30, 2}}) {
    const at::Tensor pixels = numbers.eq(value).transpose(0, 1).reshape({-1}).to(at::kInt);
    std::vector<int64_t> runs;
    int inside = 0;
    int64_t run = 0;
    for (int64_t i = 0; i < pixels.numel(); ++i) {
      if (pixels[i].item<int>() != inside) {
        runs.push_back(std::exchange(run, 0));
        inside = 1 - inside;
      }
      ++run;
    }
    runs.push_back(run);
    root["annotations"].push_back(
        {{"image_id", 7},
         {"category_id", category},
         {"segmentation", {{"counts", runs}, {"size", {numbers.size(0), numbers.size(1)}}}}});
  }
  return root;
}

TEST(Coco, RunLengthsAreTheMask) {
  const TempFolder folder;
  const at::Tensor numbers = some_classes(5, 7, 4);
  write_file(folder / "a.json", coco_of(numbers, "train/x.png").dump());
  const CocoMasks coco(folder / "a.json");
  EXPECT_EQ(coco.classes(), (std::vector<std::string>{"background", "red", "green"}));
  EXPECT_TRUE(torch::equal(coco.mask("x.png")[0], numbers));
}

TEST(Coco, PolygonsAndCompressedRuns) {
  const TempFolder folder;
  auto root = coco_of(at::zeros({4, 6}, at::kByte), "x.png");
  // A rectangle of columns 1 to 3 and rows 1 to 2; then a crowd, as pycocotools writes runs 4 2 18.
  root["annotations"] = {
      {{"image_id", 7}, {"category_id", 4}, {"segmentation", {{1, 1, 4, 1, 4, 3, 1, 3}}}},
      {{"image_id", 7},
       {"category_id", 30},
       {"iscrowd", 1},
       {"segmentation", {{"counts", "42b0"}, {"size", {4, 6}}}}}};
  write_file(folder / "a.json", root.dump());
  const at::Tensor mask = CocoMasks(folder / "a.json").mask("x.png")[0];
  at::Tensor expected = at::zeros({4, 6}, at::kByte);
  expected.narrow(0, 1, 2).narrow(1, 1, 3).fill_(1);
  expected[0][1] = kMaskIgnored;
  expected[1][1] = kMaskIgnored;
  EXPECT_TRUE(torch::equal(mask, expected)) << mask;
}

TEST(Coco, SaysWhatIsBroken) {
  const TempFolder folder;
  const auto message = [&](const std::function<void(nlohmann::json&)>& change) {
    auto root = coco_of(some_classes(4, 4, 5), "x.png");
    change(root);
    write_file(folder / "a.json", root.dump());
    return user_error([&] { CocoMasks(folder / "a.json").mask("x.png"); });
  };
  const auto has = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(message([](auto& r) { r.erase("images"); }), "it has no list 'images'");
  has(message([](auto& r) { r["annotations"][0]["image_id"] = 8; }), "is of image 8, which is not");
  has(message([](auto& r) { r["annotations"][0]["category_id"] = 8; }), "is of category 8, which");
  has(message([](auto& r) {
        r["annotations"][0]["segmentation"]["counts"] = {1, 2};
      }),
      "do not add up to 4 x 4 pixels");
  has(message([](auto& r) { r["annotations"][0]["segmentation"]["counts"] = "Z"; }),
      "do not add up");
  has(message([](auto& r) {
        r["annotations"][0]["segmentation"]["size"] = {3, 3};
      }),
      "its run lengths are of [3, 3], and the image is 4 x 4");
  has(message([](auto& r) {
        r["annotations"][0]["segmentation"] = {{1, 2}};
      }),
      "a polygon of 2 numbers");
  has(message([](auto& r) { r["annotations"][0]["segmentation"] = nlohmann::json::array(); }),
      "it has no polygon");
  has(message([](auto& r) { r["annotations"][0].erase("segmentation"); }),
      "has no segmentation that can be read");
  has(message([](auto& r) { r["images"].push_back(r["images"][0]); }), "is listed twice");
}

// --- one network, whatever form its masks have

TEST(MaskClasses, EveryFormGivesTheSameBatches) {
  const TempFolder folder;
  nlohmann::json all = {{"images", nlohmann::json::array()},
                        {"annotations", nlohmann::json::array()},
                        {"categories", nlohmann::json::array()}};
  for (int i = 0; i < 6; ++i) {
    const at::Tensor numbers = some_classes(8, 8, 10 + static_cast<uint64_t>(i));
    const std::string name = std::to_string(i) + ".png";
    write_numbers(folder / ("images/" + name), numbers * 60);
    write_numbers(folder / ("index/" + name), numbers);
    write_palette(folder / ("palette/" + name), numbers, {kBlack, kRed, kGreen});
    write_colors(folder / ("colour/" + name), numbers, {kBlack, kRed, kGreen});
    auto one = coco_of(numbers, name);
    one["images"][0]["id"] = i;
    for (auto& annotation : one["annotations"]) annotation["image_id"] = i;
    all["categories"] = one["categories"];
    all["images"].push_back(one["images"][0]);
    for (auto& annotation : one["annotations"]) all["annotations"].push_back(annotation);
  }
  write_file(folder / "coco.json", all.dump());
  const auto batch_of = [&](const char* masks, const MaskMeaning& meaning) {
    SegmentationData options{.images = folder / "images", .meaning = meaning, .channels = 1};
    (std::string(masks).ends_with(".json") ? options.annotations : options.masks) = folder / masks;
    const OpenedData data = open_segmentation(options);
    EXPECT_EQ(data.names.size(), 3u);
    EXPECT_EQ(data.digests.size(), 12u);
    std::vector<int64_t> chosen;
    for (int64_t i = 0; i < data.parts.train->size(); ++i) chosen.push_back(i);
    Rng rng(5);
    return data.parts.train->batch(chosen, &rng);
  };
  const Batch index = batch_of("index", kNumbers);
  EXPECT_EQ(index.target.scalar_type(), at::kLong);
  for (const Batch& other : {batch_of("palette", kNumbers), batch_of("palette", kColors),
                             batch_of("colour", kColors), batch_of("coco.json", {})}) {
    EXPECT_TRUE(torch::equal(other.input, index.input));
    EXPECT_TRUE(torch::equal(other.target, index.target));
  }
}

TEST(MaskClasses, AFolderAClassMayOverlap) {
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) {
    const std::string name = std::to_string(i) + ".png";
    write_numbers(folder / ("images/" + name), at::full({4, 4}, 9 * i));
    write_numbers(folder / ("masks/cell/" + name), at::full({4, 4}, 255));
    if (i % 2 == 0) write_numbers(folder / ("masks/nucleus/" + name), at::full({4, 4}, 255));
  }
  write_numbers(folder / "masks/cell/stray.png", at::zeros({4, 4}));
  write_file(folder / "images/notes.tif", "no picture that is read");
  const SegmentationData options{.images = folder / "images",
                                 .masks = folder / "masks",
                                 .meaning = {.classes = {{"cell"}, {"nucleus"}}},
                                 .channels = 1,
                                 .validation = 0,
                                 .test = 0};
  const OpenedData data = open_segmentation(options);
  EXPECT_TRUE(data.overlapping);
  std::vector<int64_t> all = {0, 1, 2, 3};
  const Batch batch = data.parts.train->batch(all, nullptr);
  EXPECT_EQ(batch.target.sizes(), (std::vector<int64_t>{4, 2, 4, 4}));
  for (int64_t i = 0; i < 4; ++i) {
    const bool even = std::lround(batch.input[i].max().item<float>() * 255 / 9) % 2 == 0;
    EXPECT_EQ(batch.target[i][0].min().item<float>(), 1);
    EXPECT_EQ(batch.target[i][1].max().item<float>(), even ? 1 : 0);
  }
  ASSERT_EQ(data.notes.size(), 2u);
  EXPECT_NE(data.notes[0].find("1 file of"), std::string::npos);
  EXPECT_NE(data.notes[0].find("notes.tif"), std::string::npos);
  EXPECT_EQ(data.notes[1], "1 masks have no image: cell/stray.png");
}

}  // namespace
}  // namespace rung
