#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rung/ops/op.h"

namespace rung::onednn {

/// How a value lies in memory.
enum class Layout : uint8_t {
  kPlain,    ///< row-major
  kBlocked,  ///< a map [N, C, S…] as [N, C/b, S…, b] with b = channel_block(); the channels that
             ///< fill up the last block are there, and zero
};

/// How a value is stored: its type may differ from the graph's (bf16 for f32).
struct Form {
  DType dtype = DType::kF32;
  Layout layout = Layout::kPlain;
  bool operator==(const Form&) const = default;
};

/// 16 where the CPU has AVX-512, else 8.
int64_t channel_block();
/// Whether oneDNN computes bf16 on this CPU: with AVX-512, if slowly where that lacks AVX512-BF16.
bool has_bf16();
/// How many blocks these channels take.
int64_t channel_blocks(int64_t channels);
/// Sizes as those of `rank` axes, ones in front, as broadcasting reads them. At most `rank` of
/// them.
Shape with_rank(const Shape& shape, size_t rank);
/// Its axes in memory, outermost first: [N, C/b, S…, b] of a blocked one.
Shape stored_shape(const Shape& shape, Layout layout);
/// Bytes of a value of these sizes in that form, blocks filled up.
int64_t bytes_of(const Shape& shape, Form form);
/// The same for oneDNN. Blocked values have 3 to 5 axes; a plain one has at most 12, and one of no
/// axes reads as [1].
dnnl::memory::desc desc_of(const Shape& shape, Form form);
dnnl::memory::data_type to_dnnl(DType dtype);
/// One engine for the process.
const dnnl::engine& engine();

/// Memory at a multiple of 64 bytes, in huge pages where it is large.
std::shared_ptr<Storage> aligned_memory(int64_t bytes);

/// A value of a program; an index with a type of its own.
struct Ref {
  int32_t index = -1;
  auto operator<=>(const Ref&) const = default;
};

/// The memory of one step in one run, in the order of Step::in and Step::out.
struct Pointers {
  std::span<std::byte* const> in;
  std::span<std::byte* const> out;
  std::byte* scratch = nullptr;  ///< Way::scratch bytes, of this call alone
};
/// A kernel of our own. Called by several threads at once, each with pointers of its own; what it
/// captures is constant. It spreads its work with parallel_for (ops/kernel.h).
using Kernel = std::function<void(const Pointers&)>;

/// An argument of a primitive: DNNL_ARG_…, and which operand it is: the step's inputs
/// are counted first, then the way's constants, then the outputs.
struct PrimitiveArg {
  int arg = 0;
  size_t operand = 0;
  dnnl::memory::desc desc;
};

/// One way to do a step: a kernel, or a primitive of oneDNN (created with scratchpad_mode::user).
struct Way {
  std::string name;  ///< "jit_wino_4x3:avx512_core", "kernel"
  Kernel kernel = nullptr;
  dnnl::primitive primitive = {};
  std::vector<PrimitiveArg> args = {};
  int64_t scratch = 0;              ///< bytes
  std::vector<Ref> constants = {};  ///< inputs of this way alone: packed weights
};

/// What a rule adds to the program.
struct Step {
  std::string what;  ///< "conv 3x3, 64 -> 64, + relu": for reports
  std::vector<Ref> in;
  std::vector<Ref> out;
  std::vector<Way> ways;            ///< the fastest is chosen; at least one
  std::string key = {};             ///< of several ways: what the choice depends on (sizes, types)
  std::optional<size_t> over = {};  ///< the input whose memory out[0] may take over where it is
                                    ///< not needed any more: both have the same bytes
  bool accumulates = false;         ///< out[0] must hold `over`'s value before the step runs
};

/// A pointwise op that the graph applies to the first result, and the step should too.
struct Post {
  const Op* op = nullptr;
  std::optional<size_t> operand =
      {};                ///< of a Binary: the input of the call that is its other side
  bool swapped = false;  ///< the running value is the Binary's second operand
};

/// A batch norm in front of a convolution that does it while it reads (`takes_norm`).
struct Prologue {
  const ops::BatchNorm* norm = nullptr;
  size_t first_input = 0;  ///< of the call: the norm's own inputs behind x, in its order
  bool relu = false;       ///< between the two
};

/// One node of a graph on its way into a program, with the pointwise ops that were fused behind it.
/// Rules (`lower`) ask for inputs in the form that they like, say how the outputs lie, and add
/// steps. What they ask for is a value of its own: a reorder is added where it lies otherwise.
class LowerCall {
 public:
  virtual ~LowerCall() = default;

  // The graph's view: inputs in the order of the op's contract, then operands of posts.
  virtual std::span<const TensorType> in_types() const = 0;
  virtual std::span<const TensorType> out_types() const = 0;
  virtual std::span<const Post> posts() const = 0;
  virtual const Prologue* prologue() const = 0;  ///< or null
  virtual size_t own_inputs() const = 0;         ///< of the op itself
  /// Row-major, in the graph's type, where the value is known when compiling; else undefined.
  virtual Tensor known(size_t input) = 0;

  // Inputs.
  virtual Form form(size_t input) const = 0;  ///< as it lies now
  virtual Ref in(size_t input) = 0;           ///< as it lies
  virtual Ref in(size_t input, Form form) = 0;
  /// Whether nobody reads the input after this node, and it is no input or output of the network:
  /// it may be written over.
  virtual bool free_after(size_t input) const = 0;

  // Results.
  /// What a result that is f32 in the graph is stored as: bf16 where the program is told so. Other
  /// types stay as they are. A rule whose kernel knows f32 alone asks for f32 and gives f32.
  virtual DType storage(DType graph) const = 0;
  /// Output k, in that form. Called once for each output that is computed.
  virtual Ref out(size_t k, Form form) = 0;
  /// Output k is that value (an input, a part, a temporary): nothing moves. `whole` must have as
  /// many bytes in that form.
  virtual void out_is(size_t k, Ref whole, Form form) = 0;
  /// A value between two steps of one rule.
  virtual Ref temporary(const Shape& shape, Form form) = 0;
  /// A constant of the program, as it lies in memory.
  virtual Ref constant(Tensor value) = 0;
  /// A packed constant: `value` (row-major, f32, of these sizes) in oneDNN's own order. Made once
  /// for equal inputs.
  virtual Ref packed(const Tensor& value, const dnnl::memory::desc& as) = 0;
  /// A constant that is made of `source` (a weight) in a way that `how` names: made once, also for
  /// other shapes of the inputs.
  virtual Ref prepared(const Tensor& source, const std::string& how,
                       const std::function<Tensor()>& make) = 0;
  /// A contiguous piece of a value, which it shares memory with: from `offset` bytes on.
  virtual Ref part(Ref whole, const Shape& shape, Form form, int64_t offset) = 0;
  /// Puts `from` into `part`, in the same form. Where the planner can have `from` made in place,
  /// nothing is moved.
  virtual void place(Ref from, Ref part) = 0;

  virtual void step(Step step) = 0;
  /// The way that is to be taken where several would do, if it is known: measured before. Packing
  /// weights for the others would be in vain.
  virtual std::optional<std::string> chosen_way(const std::string& key) const = 0;
  /// Whether ways may be measured; where not, the first one stands.
  virtual bool measures() const = 0;
  /// Whether bf16 may take ways whose error is some roundings more: CompileOptions::fast_bf16.
  virtual bool fast_bf16() const = 0;

  /// Throws: there is no kernel for this. The whole program's reasons are reported together.
  [[noreturn]] void give_up(const std::string& reason);

  // Shorthand.
  const TensorType& in_type(size_t i) const { return in_types()[i]; }
  const TensorType& out_type(size_t k = 0) const { return out_types()[k]; }
  /// One kernel from these values to those.
  void kernel(std::string what, std::vector<Ref> in, std::vector<Ref> out, Kernel run,
              std::optional<size_t> over = {}, int64_t scratch = 0);
};

/// What give_up throws.
struct NotLowered {
  std::string reason;
};

}  // namespace rung::onednn

namespace rung {

/// Adds what a node needs to a program. Input, Param and Constant are the compiler's, not lowered.
/// Throws NotLowered where there is no way; nothing has been added then that counts.
void lower(const Op& op, onednn::LowerCall& call);

namespace ops {
#define RUNG_DECLARE_LOWER(T) void lower(const T& op, onednn::LowerCall& call)
// One declaration per op that computes; the definitions stand in ops/<family>/<family>_onednn.cpp.
RUNG_DECLARE_LOWER(Conv);
RUNG_DECLARE_LOWER(ConvTranspose);
RUNG_DECLARE_LOWER(Linear);
RUNG_DECLARE_LOWER(MatMul);
RUNG_DECLARE_LOWER(BatchNorm);
RUNG_DECLARE_LOWER(LayerNorm);
RUNG_DECLARE_LOWER(GroupNorm);
RUNG_DECLARE_LOWER(InstanceNorm);
RUNG_DECLARE_LOWER(Recurrent);
RUNG_DECLARE_LOWER(Pool);
RUNG_DECLARE_LOWER(AdaptivePool);
RUNG_DECLARE_LOWER(Resize);
RUNG_DECLARE_LOWER(ResizeLike);
RUNG_DECLARE_LOWER(CropLike);
RUNG_DECLARE_LOWER(PadLike);
RUNG_DECLARE_LOWER(TokensToMap);
RUNG_DECLARE_LOWER(Pad);
RUNG_DECLARE_LOWER(Slice);
RUNG_DECLARE_LOWER(Concat);
RUNG_DECLARE_LOWER(Split);
RUNG_DECLARE_LOWER(Stack);
RUNG_DECLARE_LOWER(Reshape);
RUNG_DECLARE_LOWER(Flatten);
RUNG_DECLARE_LOWER(Transpose);
RUNG_DECLARE_LOWER(Squeeze);
RUNG_DECLARE_LOWER(Unsqueeze);
RUNG_DECLARE_LOWER(Expand);
RUNG_DECLARE_LOWER(Reduce);
RUNG_DECLARE_LOWER(Softmax);
RUNG_DECLARE_LOWER(Unary);
RUNG_DECLARE_LOWER(LeakyRelu);
RUNG_DECLARE_LOWER(Elu);
RUNG_DECLARE_LOWER(Gelu);
RUNG_DECLARE_LOWER(Softplus);
RUNG_DECLARE_LOWER(Clamp);
RUNG_DECLARE_LOWER(PRelu);
RUNG_DECLARE_LOWER(Binary);
RUNG_DECLARE_LOWER(Where);
RUNG_DECLARE_LOWER(Embedding);
RUNG_DECLARE_LOWER(Gather);
RUNG_DECLARE_LOWER(Attention);
RUNG_DECLARE_LOWER(Dropout);
RUNG_DECLARE_LOWER(Cast);
RUNG_DECLARE_LOWER(Detach);
RUNG_DECLARE_LOWER(FullLike);
RUNG_DECLARE_LOWER(ArangeLike);
RUNG_DECLARE_LOWER(Opaque);
#undef RUNG_DECLARE_LOWER
}  // namespace ops
}  // namespace rung
