#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include <string>

// oneDNN 2.6 (Debian 12) in the shape of 3.x: all that rung has to say twice.
namespace rung::onednn {

#if DNNL_VERSION_MAJOR < 3

struct PostOpList : dnnl::post_ops {
  void append_eltwise(dnnl::algorithm fn, float alpha, float beta) {
    dnnl::post_ops::append_eltwise(1.0F, fn, alpha, beta);
  }
};

/// Calls `use` with the descriptor of a primitive that is made of `args`, in the order of oneDNN 3.
template <typename Primitive, typename Use, typename... Args>
void with_description(const dnnl::engine& engine, const dnnl::primitive_attr& attr, const Use& use,
                      const Args&... args) {
  const typename Primitive::desc asked(args...);  // next_impl reads it
  typename Primitive::primitive_desc found(asked, attr, engine);
  use(found);
}

/// Equal for equal descriptors alone.
inline std::string key_of(const dnnl::memory::desc& desc) {
  return {reinterpret_cast<const char*>(&desc.data), sizeof(desc.data)};
}

#else

using PostOpList = dnnl::post_ops;

template <typename Primitive, typename Use, typename... Args>
void with_description(const dnnl::engine& engine, const dnnl::primitive_attr& attr, const Use& use,
                      const Args&... args) {
  typename Primitive::primitive_desc found(engine, args..., attr);
  use(found);
}

inline std::string key_of(dnnl::memory::desc desc) {
  const auto blob = desc.get_blob();
  return {blob.begin(), blob.end()};
}

#endif

}  // namespace rung::onednn
