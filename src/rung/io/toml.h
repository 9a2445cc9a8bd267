#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rung {

/// A TOML file as JSON values, with the line of each key for messages.
struct TomlDocument {
  std::string file;
  nlohmann::json root;
  std::map<std::string, int, std::less<>> lines;    ///< "skip.0.merge" -> 12
  std::map<std::string, int, std::less<>> columns;  ///< of the values, likewise
};

/// Throws a user error with file, line and reason where it is not TOML.
TomlDocument load_toml(const std::filesystem::path& path);

/// Changes one key from outside: "train.epochs" and "3", "skip.0.merge" and "add". The value is
/// read as TOML, and as text where it is not. Throws a user error: an index beyond the list, a key
/// inside something that is no table.
void set_toml_key(TomlDocument& document, const std::string& key, const std::string& value);

/// Reads one table strictly: every getter takes a key, checks its type, and remembers that it is
/// known; `finish` refuses the keys that nobody asked for. All throw user errors that name the
/// line.
class TomlReader {
 public:
  explicit TomlReader(const TomlDocument& document) : TomlReader(document, document.root, "") {}

  bool has(const std::string& key);
  bool is_table(const std::string& key);
  bool is_integer(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  std::optional<double> number(const std::string& key);
  std::optional<int64_t> integer(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  std::optional<std::vector<int64_t>> integers(const std::string& key);
  std::optional<std::vector<double>> numbers(const std::string& key);
  std::optional<std::vector<std::string>> texts(const std::string& key);
  std::optional<TomlReader> table(const std::string& key);
  /// An array of tables ([[skip]]).
  std::vector<TomlReader> tables(const std::string& key);
  /// The keys of the table, in the order of their names.
  std::vector<std::string> keys() const;
  /// The keys in the order in which they stand in the file; what came from outside stands last.
  std::vector<std::string> keys_in_order() const;
  /// A string, number or boolean as text, whatever it is.
  std::optional<std::string> scalar(const std::string& key);

  /// Sets `target` where the key is given, within [low, high] where these are.
  void read(const std::string& key, double& target, double low, double high);
  void read(const std::string& key, int64_t& target, int64_t low, int64_t high);
  void read(const std::string& key, bool& target);
  void read(const std::string& key, std::string& target);

  /// Throws where the table holds a key that nobody asked for: its line, and the valid keys.
  void finish() const;
  /// "recipe.toml:12: train.epochs", for messages about a key, or about the table itself.
  std::string where(const std::string& key = {}) const;

 private:
  TomlReader(const TomlDocument& document, const nlohmann::json& value, std::string path)
      : document_(&document), value_(&value), path_(std::move(path)) {}
  const nlohmann::json* find(const std::string& key);
  template <typename T>
  std::optional<std::vector<T>> list(const std::string& key, const char* wanted,
                                     bool (nlohmann::json::*is)() const);
  [[noreturn]] void fail_type(const std::string& key, const char* wanted) const;
  std::string path(const std::string& key) const;

  const TomlDocument* document_;
  const nlohmann::json* value_;
  std::string path_;
  std::set<std::string> known_;
};

}  // namespace rung
