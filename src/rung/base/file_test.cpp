#include "rung/base/file.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

int64_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(WriteFile, ALinkStaysALink) {
  const TempFolder folder;
  write_file(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "target"), "new");
  // One that leads to nothing yet makes what it leads to.
  fs::create_symlink("later", folder / "dangling");
  write_file(folder / "dangling", "made");
  EXPECT_EQ(read_file(folder / "later"), "made");
  EXPECT_EQ(files_in(folder.path()), 4);
}

TEST(WriteFile, DevicesAreNotReplaced) {
  EXPECT_EQ(user_error([] { write_file("/dev/null", "x"); }),
            "cannot write /dev/null: it is a device or a pipe, not a file");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(WriteFile, AFailureInTheMiddleLeavesTheOldFile) {
  const TempFolder folder;
  write_file(folder / "a", "old");
  EXPECT_THROW(write_file(folder / "a",
                          [](FileSink sink) {
                            sink("half", 4);
                            throw std::runtime_error("stop");
                          }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(WriteFile, ASignalHandlerCanRemoveWhatIsUnfinished) {
  const TempFolder folder;
  write_file(folder / "a", "old");
  user_error([&] {
    write_file(folder / "a", [&](FileSink sink) {
      sink("half", 4);
      EXPECT_EQ(files_in(folder.path()), 2);
      remove_unfinished_file();
      EXPECT_EQ(files_in(folder.path()), 1);
    });
  });
  EXPECT_EQ(read_file(folder / "a"), "old");
  remove_unfinished_file();  // nothing is unfinished: nothing happens
  EXPECT_EQ(files_in(folder.path()), 1);
}

}  // namespace
}  // namespace rung
