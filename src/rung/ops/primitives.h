#pragma once

#include "rung/ops/onednn.h"
#include "rung/ops/onednn_v2.h"

namespace rung::onednn {

/// oneDNN's reference kernels, which are many times slower than the others.
bool is_slow(const std::string& implementation);

/// One of oneDNN's implementations of a primitive.
class Implementation {
 public:
  explicit Implementation(const dnnl::primitive_desc& found);

  std::string name() const { return found_.impl_info_str(); }  ///< "jit:avx512_core"
  /// How it wants an argument (DNNL_ARG_…) to lie.
  dnnl::memory::desc wants(int arg) const { return found_.query_md(dnnl::query::exec_arg_md, arg); }

  /// The primitive as a way of a step, under its own name. `operands`: arguments, and which operand
  /// of the step each is (PrimitiveArg).
  Way way(const std::vector<std::pair<int, size_t>>& operands) const;

 private:
  dnnl::primitive_desc found_;
};

/// The first `most` of `found` and what follows it, each name once; a slow one only where there is
/// no other.
std::vector<Implementation> list_implementations(dnnl::primitive_desc& found, size_t most);

/// The attributes of every primitive.
dnnl::primitive_attr attributes(const PostOpList& posts);
/// Whether oneDNN says that it has no such primitive; other errors are mistakes.
bool says_no(const dnnl::error& error);

/// What oneDNN has for a primitive, best first: at most `most`; none where it has nothing. `args`:
/// those of Primitive::primitive_desc between the engine and the attributes.
template <typename Primitive, typename... Args>
std::vector<Implementation> implementations(size_t most, const PostOpList& posts,
                                            const Args&... args) {
  std::vector<Implementation> made;
  try {
    with_description<Primitive>(
        engine(), attributes(posts),
        [&](dnnl::primitive_desc& found) { made = list_implementations(found, most); }, args...);
  } catch (const dnnl::error& error) {
    if (!says_no(error)) throw;
  }
  return made;
}

}  // namespace rung::onednn
