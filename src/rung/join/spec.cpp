#include "rung/join/spec.h"

#include <charconv>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

template <typename E>
struct Choice {
  const char* name;
  E value;
};

constexpr Choice<Align> kAligns[] = {{"auto", Align::kAuto},     {"none", Align::kNone},
                                     {"resize", Align::kResize}, {"pool", Align::kPool},
                                     {"crop", Align::kCrop},     {"pad", Align::kPad}};
constexpr Choice<Start> kStarts[] = {{"random", Start::kRandom}, {"identity", Start::kIdentity}};
constexpr Choice<Width> kWidths[] = {{"reduce", Width::kReduce}, {"widen", Width::kWiden}};
constexpr Choice<Collapse> kCollapses[] = {
    {"mean", Collapse::kMean}, {"max", Collapse::kMax}, {"last", Collapse::kLast}};
constexpr Choice<Project> kProjects[] = {{"source", Project::kSource},
                                         {"target", Project::kTarget},
                                         {"always", Project::kAlways},
                                         {"none", Project::kNone}};
constexpr Choice<ops::ResizeMode> kResizes[] = {{"nearest", ops::ResizeMode::kNearest},
                                                {"linear", ops::ResizeMode::kLinear},
                                                {"cubic", ops::ResizeMode::kCubic},
                                                {"area", ops::ResizeMode::kArea}};
constexpr Choice<bool> kBools[] = {{"true", true}, {"false", false}};

template <typename Table>
auto choose(const Table& table, const std::string& key, const std::string& value) {
  std::vector<std::string> names;
  for (const auto& choice : table) {
    if (value == choice.name) return choice.value;
    names.emplace_back(choice.name);
  }
  fail_user("{} = {} is not known; it is one of {}", key, quoted(value), join(names, ", "));
}

template <typename Table, typename E>
std::string name_in(const Table& table, E value) {
  for (const auto& choice : table) {
    if (choice.value == value) return choice.name;
  }
  fail_bug("an option without a name");
}

int64_t whole_number(const std::string& key, const std::string& value) {
  int64_t number = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), number);
  if (result.ec != std::errc() || result.ptr != value.data() + value.size() || number < 0) {
    fail_user("{} = {} is not a whole number of 0 or more", key, quoted(value));
  }
  return number;
}

/// One row per field: how it is read and how it is printed (empty where it is at its default).
struct FieldRow {
  const char* name;
  void (*set)(Skip&, const std::string& key, const std::string& value);
  std::string (*get)(const Skip&);
};

#define RUNG_CHOICE(field, table)                                                                \
  FieldRow {                                                                                     \
#field,                                                                                      \
        [](Skip & s, const std::string& k,                                                       \
           const std::string&                                                                    \
               v) { s.field = choose(table, k, v); },                                            \
                                                   [](const Skip&                                \
                                                          s) { return name_in(table, s.field); } \
  }
#define RUNG_TEXT(field)                                                                     \
  FieldRow {                                                                                 \
#field, [](Skip & s, const std::string&,                                                 \
               const std::string& v) { s.field = v; }, [](const Skip& s) { return s.field; } \
  }

const FieldRow kFields[] = {
    RUNG_TEXT(from),
    RUNG_TEXT(to),
    FieldRow{"merge", [](Skip& s, const std::string&, const std::string& v) { s.merge = v; },
             [](const Skip& s) { return s.merge.rule().name; }},
    RUNG_CHOICE(align, kAligns),
    RUNG_CHOICE(resize, kResizes),
    RUNG_CHOICE(start, kStarts),
    RUNG_CHOICE(width, kWidths),
    RUNG_CHOICE(collapse, kCollapses),
    RUNG_CHOICE(project, kProjects),
    FieldRow{
        "out",
        [](Skip& s, const std::string& k, const std::string& v) { s.out = whole_number(k, v); },
        [](const Skip& s) { return std::to_string(s.out); }},
    RUNG_CHOICE(norm, kBools),
    RUNG_CHOICE(detach, kBools),
    RUNG_TEXT(name),
    RUNG_TEXT(projection_name),
    RUNG_TEXT(reduction_name),
};
#undef RUNG_CHOICE
#undef RUNG_TEXT

constexpr const char* kForm = "the form is 'FROM -> TO : MERGE, key=value, …'";

// "a -> b" with both sides there.
std::pair<std::string, std::string> split_arrow(const std::string& text, const char* form) {
  const auto arrow = text.find("->");
  if (arrow == std::string::npos) fail_user("{} has no '->'; {}", quoted(text), form);
  const std::string from(trim(std::string_view(text).substr(0, arrow)));
  const std::string to(trim(std::string_view(text).substr(arrow + 2)));
  if (from.empty() || to.empty()) fail_user("{} names only one end; {}", quoted(text), form);
  if (to.find("->") != std::string::npos) fail_user("{} has two '->'; {}", quoted(text), form);
  return {from, to};
}

}  // namespace

void set_skip_field(Skip& skip, const std::string& key, const std::string& value) {
  std::vector<std::string> names;
  for (const auto& row : kFields) {
    if (key == row.name) return row.set(skip, key, value);
    names.emplace_back(row.name);
  }
  fail_user("a skip has no {}; its keys are {}", quoted(key), join(names, ", "));
}

Skip parse_skip(const std::string& text) {
  const auto [from, rest] = split_arrow(text, kForm);
  Skip skip{.from = from};
  // The merge follows the last colon, unless digits do: those are a port, as in lstm:1.
  const auto colon = rest.rfind(':');
  auto after = colon == std::string::npos ? std::string_view{}
                                          : trim(std::string_view(rest).substr(colon + 1));
  const bool port = !after.empty() && after.find_first_not_of("0123456789") == std::string::npos;
  // Without a merge, keys follow a comma.
  const bool merge = colon != std::string::npos && !port;
  const auto comma = merge ? std::string::npos : rest.find(',');
  if (!merge && comma == std::string::npos) {
    skip.to = rest;
    return skip;
  }
  skip.to = std::string(trim(std::string_view(rest).substr(0, merge ? colon : comma)));
  if (!merge) after = trim(std::string_view(rest).substr(comma + 1));
  if (skip.to.empty() || after.empty()) fail_user("{} is not complete; {}", quoted(text), kForm);
  bool first = merge;
  std::set<std::string> given{"from", "to"};
  for (const auto& part : split(after, ',')) {
    const std::string item(trim(part));
    const auto equals = item.find('=');
    if (equals == std::string::npos) {
      if (!first) fail_user("{}: {} is no key=value; {}", quoted(text), quoted(item), kForm);
      skip.merge = item;
      given.insert("merge");
    } else {
      const std::string key(trim(item.substr(0, equals)));
      set_skip_field(skip, key, std::string(trim(item.substr(equals + 1))));
      if (!given.insert(key).second) fail_user("{}: {} is given twice", quoted(text), key);
    }
    first = false;
  }
  return skip;
}

std::string to_string(const Skip& skip) {
  std::string out = fmt::format("{} -> {} : {}", skip.from, skip.to, skip.merge.rule().name);
  const Skip defaults;
  for (const auto& row : kFields) {
    const std::string_view name = row.name;
    if (name == "from" || name == "to" || name == "merge") continue;
    if (row.get(skip) != row.get(defaults)) out += fmt::format(", {}={}", name, row.get(skip));
  }
  return out;
}

Wire parse_wire(const std::string& text) {
  auto [from, to] = split_arrow(text, "the form is 'FROM -> MODEL/INPUT'");
  return {std::move(from), std::move(to)};
}

}  // namespace rung
