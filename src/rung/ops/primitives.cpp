#include "rung/ops/primitives.h"

#include <algorithm>
#include <optional>

#include "rung/base/error.h"

namespace rung::onednn {
namespace {

// next_impl changes what a descriptor's copies refer to.
dnnl::primitive_desc cloned(const dnnl::primitive_desc& found) {
  dnnl_primitive_desc_t clone = nullptr;
  if (dnnl_primitive_desc_clone(&clone, found.get()) != dnnl_success) {
    fail_bug("oneDNN refused to copy a descriptor");
  }
  dnnl::primitive_desc made;
  made.reset(clone);
  return made;
}

}  // namespace

bool is_slow(const std::string& implementation) {
  return implementation.find("ref") != std::string::npos;
}

Implementation::Implementation(const dnnl::primitive_desc& found) : found_(cloned(found)) {}

Way Implementation::way(const std::vector<std::pair<int, size_t>>& operands) const {
  Way way{.name = name(), .primitive = dnnl::primitive(found_)};
  for (const auto& [arg, operand] : operands) way.args.push_back({arg, operand, wants(arg)});
  way.scratch = static_cast<int64_t>(found_.scratchpad_desc().get_size());
  return way;
}

std::vector<Implementation> list_implementations(dnnl::primitive_desc& found, size_t most) {
  std::vector<Implementation> made;
  std::optional<Implementation> slow;
  do {
    const std::string name = found.impl_info_str();
    if (is_slow(name)) {
      if (!slow) slow.emplace(found);
      continue;
    }
    // What comes from oneDNN's cache may list its implementations a second time.
    const bool twice = std::any_of(made.begin(), made.end(),
                                   [&](const Implementation& it) { return it.name() == name; });
    if (!twice) made.emplace_back(found);
  } while (made.size() < most && found.next_impl());
  if (made.empty() && slow) made.push_back(*slow);
  return made;
}

dnnl::primitive_attr attributes(const PostOpList& posts) {
  dnnl::primitive_attr attr;
  attr.set_post_ops(posts);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

bool says_no(const dnnl::error& error) {
  return error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments;
}

}  // namespace rung::onednn
