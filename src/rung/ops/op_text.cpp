#include "rung/ops/op_text.h"

#include <charconv>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

using nlohmann::json;

namespace {

constexpr size_t kMaxDepth = 16;  // an attribute needs 4; deeper text is an attack on the stack

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '+' || c == '-' || c == '?';
}

template <typename T>
bool read_number(std::string_view word, json& out) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return false;
  out = value;
  return true;
}

/// What a word without quotes stands for: true, false, null, a number, or itself.
json word_value(std::string_view word) {
  if (word == "true") return true;
  if (word == "false") return false;
  if (word == "null") return nullptr;
  json out;
  const bool numeric = word.find_first_of("0123456789") != std::string_view::npos;
  if (numeric && (read_number<int64_t>(word, out) || read_number<uint64_t>(word, out) ||
                  read_number<double>(word, out))) {
    return out;
  }
  return std::string(word);
}

void append(const json& value, std::string& out) {
  if (value.is_array()) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      append(value[i], out);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, entry] : value.items()) {
      if (!first) out += ", ";
      first = false;
      out += key + "=";
      append(entry, out);
    }
    out += '}';
  } else {
    const auto* text = value.get_ptr<const std::string*>();
    const bool bare = text && !text->empty() &&
                      std::all_of(text->begin(), text->end(), is_word_char) &&
                      word_value(*text) == value;
    out += bare ? *text : value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  OpText op() {
    OpText out;
    out.name = word("the name of an op");
    if (accept('(')) {
      out.attributes = attributes(')', 0);
    }
    skip_space();
    if (at_ < text_.size()) fail("the end");
    return out;
  }

 private:
  std::vector<std::pair<std::string, json>> attributes(char close, size_t depth) {
    std::vector<std::pair<std::string, json>> out;
    if (accept(close)) return out;
    do {
      auto key = word("the name of an attribute");
      for (const auto& [other, _] : out) {
        if (other == key) fail_user("attribute {} stands twice in {}", rung::quoted(key), shown());
      }
      expect('=');
      out.emplace_back(std::move(key), value(depth + 1));
    } while (accept(','));
    expect(close);
    return out;
  }

  json value(size_t depth) {
    if (depth > kMaxDepth) fail("nothing that lies deeper in brackets");
    if (accept('[')) {
      auto out = json::array();
      if (accept(']')) return out;
      do out.push_back(value(depth + 1));
      while (accept(','));
      expect(']');
      return out;
    }
    if (accept('{')) {
      auto out = json::object();
      for (auto& [key, entry] : attributes('}', depth)) out[key] = std::move(entry);
      return out;
    }
    if (at_ < text_.size() && text_[at_] == '"') return quoted_text();
    return word_value(word("a value"));
  }

  json quoted_text() {
    const size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) fail("a closing \"");
    ++at_;
    auto out = json::parse(text_.substr(start, at_ - start), nullptr, false);
    if (!out.is_string()) {
      at_ = start;
      fail("a text in quotes, with JSON's escapes");
    }
    return out;
  }

  std::string word(std::string_view what) {
    skip_space();
    const size_t start = at_;
    while (at_ < text_.size() && is_word_char(text_[at_])) ++at_;
    if (start == at_) fail(what);
    return std::string(text_.substr(start, at_ - start));
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    const bool found = at_ < text_.size() && text_[at_] == c;
    if (found) ++at_;
    skip_space();
    return found;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}'", c));
  }

  std::string shown() const { return rung::quoted(text_.substr(0, 200)); }
  [[noreturn]] void fail(std::string_view expected) const {
    const size_t at = std::min(at_, text_.size());
    fail_user("cannot read the op {}: at position {}, before {}, {} is expected", shown(), at,
              rung::quoted(text_.substr(at, 20)), expected);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string write_op_text(const OpText& op) {
  std::string out = op.name;
  if (op.attributes.empty()) return out;
  char separator = '(';
  for (const auto& [key, value] : op.attributes) {
    out += separator;
    if (separator == ',') out += ' ';
    separator = ',';
    out += key + "=";
    append(value, out);
  }
  return out + ")";
}

OpText read_op_text(std::string_view text) { return Reader(text).op(); }

}  // namespace rung
