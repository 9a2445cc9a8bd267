#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "rung/tensor/tensor.h"

namespace rung {

/// A zip archive for reading, zip64 included. Only its directory is read at first; what it says is
/// held against the file before anything is done.
class ZipArchive {
 public:
  /// `name` is the file's, for messages. Throws a user error: cut short, a damaged directory, two
  /// entries of one name, entries that overlap or would inflate to more than 1 GiB and four times
  /// the file.
  ZipArchive(std::shared_ptr<Storage> file, std::string name);

  bool has(std::string_view entry) const { return entries_.contains(entry); }
  /// The first entry, in the order of names, that ends with `suffix`; empty: there is none.
  std::string find_suffix(std::string_view suffix) const;
  uint64_t size(std::string_view entry) const { return find(entry).size; }

  /// What an entry holds: a view of the file where it is stored as it is, as torch.save does;
  /// else inflated. Throws a user error where it is absent or damaged (its check sum
  /// is verified), an unsupported error where it is encrypted or compressed in another way.
  std::shared_ptr<Storage> read(std::string_view entry) const;

 private:
  struct Entry {
    uint16_t flags, method;
    uint32_t crc;
    uint64_t packed, size, header;  ///< bytes in the file, bytes of content, where its header is
  };
  const Entry& find(std::string_view entry) const;
  template <typename T>
  T number(uint64_t at) const;
  std::string_view text(uint64_t at, uint64_t bytes) const;
  void read_directory();
  void check_sizes() const;
  uint64_t read_entry(uint64_t at);
  void widen(Entry& entry, std::string_view extra) const;

  std::shared_ptr<Storage> file_;
  std::string name_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace rung
