#include "rung/train/image_table.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"

namespace rung {

std::vector<std::string> unread_note(const Csv& csv, const std::vector<size_t>& read) {
  std::vector<std::string> unread;
  for (size_t i = 0; i < csv.columns.size(); ++i) {
    const std::string& name = csv.columns[i];
    const bool known =
        name == "split" || name == "group" || std::find(read.begin(), read.end(), i) != read.end();
    if (!known) unread.push_back(name);
  }
  if (unread.empty()) return {};
  return {fmt::format("columns of {} that are not read: {}", csv.file, join(unread, ", "))};
}

std::vector<std::filesystem::path> files_of(const Csv& csv, size_t column,
                                            const std::filesystem::path& root) {
  std::vector<std::filesystem::path> files;
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    const std::string& name = csv.rows[row][column];
    if (name.empty() || !path_exists(root / name)) {
      fail_user("{}:{}: there is no file {}", csv.file, csv.lines[row], (root / name).string());
    }
    files.push_back(root / name);
  }
  return files;
}

ImageTable load_image_table(const std::filesystem::path& table, const std::filesystem::path& root) {
  ImageTable out{.csv = load_csv(table), .files = {}};
  const size_t file = out.csv.column("file");
  out.files = files_of(out.csv, file, root);
  std::set<std::string> seen;
  for (size_t row = 0; row < out.csv.rows.size(); ++row) {
    const std::string& name = out.csv.rows[row][file];
    if (seen.insert(name).second) continue;
    fail_user("{}:{}: {} stands there twice", out.csv.file, out.csv.lines[row], quoted(name));
  }
  return out;
}

std::shared_ptr<const ImageStore> open_pictures(std::vector<std::filesystem::path> files,
                                                const std::filesystem::path& root,
                                                const PictureForm& form, OpenedData& out) {
  out.size = form.size;
  auto store =
      std::make_shared<ImageStore>(std::move(files), picture_reader(form.channels, form.size));
  for (int64_t i = 0; i < store->size(); ++i) {
    out.digests.push_back({store->file(i).lexically_relative(root).string(),
                           store->digests()[static_cast<size_t>(i)]});
    if (store->shape(i) == store->shape(0)) continue;
    fail_user("{} is {} and {} is {}; give data.size = [height, width]", store->file(0).string(),
              to_string(store->shape(0)), store->file(i).string(), to_string(store->shape(i)));
  }
  return store;
}

}  // namespace rung
