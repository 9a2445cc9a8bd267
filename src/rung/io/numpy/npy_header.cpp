#include "rung/io/numpy/npy_header.h"

#include <charconv>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  NpyHeader parse() {
    NpyHeader header;
    std::set<std::string> seen;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      if (!seen.insert(key).second) fail(fmt::format("{} stands twice", quoted(key)));
      expect(':');
      if (key == "descr") {
        header.descr = descr();
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
      } else if (key == "shape") {
        header.shape = shape();
      } else {
        fail(fmt::format("unknown key {}", quoted(key)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (seen.size() != 3) fail("it must have descr, fortran_order and shape");
    skip_space();
    if (!rest_.empty()) fail("text behind its end");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    fail_user("{} has a broken .npy header: {}", file_, why);
  }
  void skip_space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  bool accept(char c) {
    skip_space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}' expected", c));
  }
  std::string string() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_[0];
    if (quote != '\'' && quote != '"') fail("a string expected");
    const auto end = rest_.find(quote, 1);
    if (end == std::string_view::npos) fail("a string without an end");
    const std::string out(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::string descr() {
    skip_space();
    if (rest_.starts_with('[')) {
      fail_unsupported("{} holds records (a structured type); rung reads plain arrays", file_);
    }
    return string();
  }
  bool boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return word == "True";
    }
    fail("True or False expected");
  }
  Shape shape() {
    Shape sizes;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0) fail("a shape must hold whole numbers >= 0");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      accept('L');  // Python 2 wrote long integers so
      sizes.push_back(size);
      if (sizes.size() > 64) fail("more than 64 axes");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const std::string& file_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& file) {
  return HeaderParser(text, file).parse();
}

std::string npy_header_text(const NpyHeader& header) {
  constexpr size_t kAlignment = 64, kPrefix = 10;
  std::string sizes;
  for (const int64_t size : header.shape) sizes += fmt::format("{}, ", size);
  if (header.shape.size() == 1) sizes.pop_back();  // "(3,)"
  if (header.shape.size() > 1) sizes.resize(sizes.size() - 2);
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}",
                                 header.descr, header.fortran_order ? "True" : "False", sizes);
  text.append(kAlignment - 1 - (kPrefix + text.size()) % kAlignment, ' ');
  return text + '\n';
}

}  // namespace rung
