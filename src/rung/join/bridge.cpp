#include "rung/join/bridge.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/join/per_sample.h"
#include "rung/join/pointwise.h"

namespace rung {
namespace {

using ops::Sizes;

size_t space_axes(const TensorType& type) { return type.rank() - 2; }

Sizes axes_from(size_t first, size_t end) {
  Sizes axes;
  for (size_t i = first; i < end; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

// The last layer's state, of the last direction: [layers, N, F] -> [N, F].
Value state_to_vector(SkipWriter& w, Value x) {
  return w.step("the last layer's state as a vector", [&](Builder& b) {
    Value last = x;
    if (b.type(x).shape[0] != 1)
      last = b.add("last_layer", ops::Slice{.axis = 0, .begin = -1}, {x});
    return b.add("state", ops::Squeeze{.axes = {0}}, {last});
  });
}

Value collapse(SkipWriter& w, Value x, const Sizes& axes) {
  const TensorType type = w.builder().type(x);
  if (w.skip().collapse == Collapse::kLast) {
    if (!type.is_sequence()) {
      w.refuse("collapse = \"last\" takes the last step of a sequence, and the source is a map",
               "collapse = \"mean\" or \"max\" over space");
    }
    return w.step("the last step as a vector", [&](Builder& b) {
      const Value last = b.add("last_step", ops::Slice{.axis = 1, .begin = -1}, {x});
      return b.add("vector", ops::Squeeze{.axes = {1}}, {last});
    });
  }
  const bool mean = w.skip().collapse == Collapse::kMean;
  return w.step(mean ? "the mean over places as a vector" : "the maximum over places as a vector",
                [&](Builder& b) {
                  return b.add(
                      "vector",
                      ops::Reduce{.kind = mean ? ops::ReduceKind::kMean : ops::ReduceKind::kMax,
                                  .axes = axes},
                      {x});
                });
}

Value match_space_axes(SkipWriter& w, Value x, size_t wanted) {
  const size_t have = space_axes(w.builder().type(x));
  if (have > wanted) {
    return w.step("the mean over the outer space axes", [&](Builder& b) {
      return b.add("flat", ops::Reduce{.axes = axes_from(2, 2 + have - wanted)}, {x});
    });
  }
  if (have < wanted) {
    return w.step("new outer space axes", [&](Builder& b) {
      return b.add("deep", ops::Unsqueeze{.axes = axes_from(2, 2 + wanted - have)}, {x});
    });
  }
  return x;
}

Value transpose_last(Builder& b, const char* name, Value x) {
  return b.add(name, ops::Transpose{.order = {0, 2, 1}}, {x});
}

// Whether a sequence is the places of a map behind one token more, as transformers put it there:
// one less has a grid of the map's aspect, and the whole has none.
bool has_class_token(int64_t tokens, int64_t height, int64_t width) {
  const auto distance = [&](int64_t count) {
    const auto [h, w] = ops::token_grid(count, height, width);
    return std::fabs(std::log(static_cast<double>(h * width)) -
                     std::log(static_cast<double>(w * height)));
  };
  return tokens > 4 && height > 0 && width > 0 && distance(tokens) > 0.4 &&
         distance(tokens - 1) < 0.2;
}

Value without_class_token(SkipWriter& w, Value x, const TensorType& map) {
  const int64_t tokens = w.builder().type(x).shape[1];
  if (!has_class_token(tokens, map.shape[2], map.shape[3])) return x;
  const auto [height, width] = ops::token_grid(tokens - 1, map.shape[2], map.shape[3]);
  return w.step(
      fmt::format("without the class token: {} = {} x {} + 1", tokens, height, width),
      [&](Builder& b) { return b.add("places_only", ops::Slice{.axis = 1, .begin = 1}, {x}); });
}

Value to_map(SkipWriter& w, Value x, Form from, size_t wanted, std::optional<Value> like) {
  if (from == Form::kVector) {
    return w.step("a vector as a map of one place", [&](Builder& b) {
      return b.add("place", ops::Unsqueeze{.axes = axes_from(2, 2 + wanted)}, {x});
    });
  }
  if (wanted != 2) {  // one line of places, which align then stretches
    x = w.step("time as a space axis", [&](Builder& b) { return transpose_last(b, "line", x); });
    return match_space_axes(w, x, wanted);
  }
  if (!like) {
    w.refuse("tokens become a map on the grid of another map, and here is none to take it from",
             "join them at a layer behind the input, or make the sequence a map first");
  }
  x = without_class_token(w, x, w.builder().type(*like));
  return w.step("tokens on the target's grid",
                [&](Builder& b) { return b.add("grid", ops::TokensToMap{}, {x, *like}); });
}

// The map at the size of the tokens' grid, so that a place meets the token of that place.
Value to_grid(SkipWriter& w, Value map, Value tokens) {
  const TensorType type = w.builder().type(map);
  const bool shrinks = type.shape[2] * type.shape[3] > w.builder().type(tokens).shape[1];
  const auto mode = shrinks ? ops::ResizeMode::kArea : w.skip().resize;
  return w.step("the size of the tokens' grid", [&](Builder& b) {
    const Value grid = b.add("grid", ops::TokensToMap{}, {tokens, map});
    return b.add("on_grid", ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}, .mode = mode},
                 {map, grid});
  });
}

Value to_sequence(SkipWriter& w, Value x, Form from, std::optional<Value> like) {
  if (from == Form::kVector) {
    return w.step("a vector as one step", [&](Builder& b) {
      // By way of a map: a new axis in front of the features could mean anything.
      return transpose_last(b, "step", b.add("place", ops::Unsqueeze{.axes = {2}}, {x}));
    });
  }
  const Align align = w.skip().align;
  const bool fits = align == Align::kAuto || align == Align::kResize || align == Align::kPool;
  const TensorType type = w.builder().type(x);
  const bool on_grid = fits && type.rank() == 4 && like && w.builder().type(*like).is_sequence();
  const bool class_token =
      on_grid && has_class_token(w.builder().type(*like).shape[1], type.shape[2], type.shape[3]);
  if (on_grid) x = to_grid(w, x, without_class_token(w, *like, type));
  x = w.step("places as tokens", [&](Builder& b) {
    const Value flat = space_axes(b.type(x)) == 1 ? x : b.flatten("places", x, 2, -1);
    return transpose_last(b, "tokens", flat);
  });
  if (!class_token) return x;
  return w.step("nothing for the class token", [&](Builder& b) {
    return b.add("with_class_token", ops::Pad{.begin = {0, 1, 0}, .end = {0, 0, 0}}, {x});
  });
}

// The order that brings axis `from` to place `to`.
Sizes moved(size_t rank, size_t from, size_t to) {
  Sizes order = axes_from(0, rank);
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), static_cast<int64_t>(from));
  return order;
}

// [N, S…, C] as [N, C, S…], [T, N, F] as [N, T, F]; others as they are.
Sizes order_to_plain(const TensorType& type) {
  return is_time_first(type) ? Sizes{1, 0, 2} : moved(type.rank(), type.rank() - 1, 1);
}

Value to_plain(SkipWriter& w, Value x) {
  const TensorType type = w.builder().type(x);
  const bool time = is_time_first(type);
  return w.step(time ? "the batch in front of the time" : "[N, S, C] -> [N, C, S]",
                [&](Builder& b) {
                  return b.add(time ? "batch_first" : "channels_first",
                               ops::Transpose{.order = order_to_plain(type)}, {x});
                });
}

Value from_plain(SkipWriter& w, Value x, const TensorType& like_type) {
  const bool time = is_time_first(like_type);
  const size_t rank = w.builder().type(x).rank();
  return w.step(
      time ? "the time in front of the batch" : "[N, C, S] -> [N, S, C]", [&](Builder& b) {
        return b.add(time ? "time_first" : "channels_last",
                     ops::Transpose{.order = time ? Sizes{1, 0, 2} : moved(rank, 1, rank - 1)},
                     {x});
      });
}

TensorType plain_type(const TensorType& type) {
  TensorType out = type;
  const Sizes order = order_to_plain(type);
  for (size_t i = 0; i < order.size(); ++i) {
    out.shape[i] = type.shape[static_cast<size_t>(order[i])];
  }
  out.roles = is_time_first(type) ? sequence_roles() : map_roles(type.rank());
  return out;
}

// What is like `like` in the plain layout; of its channels, one is enough.
Value plain_like(SkipWriter& w, Value like) {
  const TensorType type = w.builder().type(like);
  return w.step("the sizes of the target", [&](Builder& b) {
    const Value one = b.add(
        "one_channel", ops::Slice{.axis = static_cast<int64_t>(type.rank()) - 1, .end = 1}, {like});
    return b.add("sizes", ops::Transpose{.order = order_to_plain(type)}, {one});
  });
}

}  // namespace

Form form_of(const TensorType& type) {
  if (type.is_map()) return type.rank() <= 5 ? Form::kMap : Form::kOther;
  if (is_channels_last(type)) return Form::kMapLast;
  if (type.is_sequence()) return Form::kSequence;
  if (type.is_vector()) return Form::kVector;
  if (is_time_first(type)) return Form::kTimeFirst;
  const bool state =
      type.rank() == 3 && type.roles[1] == Role::kBatch && type.roles[2] == Role::kFeature;
  return state ? Form::kState : Form::kOther;
}

Form form_of(Builder& b, Value value) {
  const TensorType& type = b.type(value);
  const size_t axis = type.axis_of(Role::kBatch);
  if (axis == type.rank()) return Form::kOther;
  const Extents& extents = b.extents();
  for (const InputAxis& batch : batches(b.graph())) {
    const auto times = extents.multiple_of(batch, value, axis);
    if (times && *times != 1) return Form::kOther;
  }
  return form_of(type);
}

std::string_view name(Form form) {
  static constexpr std::string_view kNames[] = {
      "map",  "map with channels last", "sequence", "sequence with time first", "vector", "state",
      "other"};
  return kNames[static_cast<size_t>(form)];
}

bool alike(Builder& b, Value x, Value y) {
  const TensorType &a = b.type(x), &c = b.type(y);
  if (a.shape != c.shape) return false;
  const Extents& extents = b.extents();
  const auto multiple = [&](Value value, size_t axis) -> std::optional<int64_t> {
    for (const InputAxis& batch : batches(b.graph())) {
      const auto times = extents.multiple_of(batch, value, axis);
      if (times && *times) return **times;
    }
    return std::nullopt;
  };
  for (size_t i = 0; i < a.rank(); ++i) {
    if (extents.of(x, i) == extents.of(y, i)) continue;
    const auto times = multiple(x, i);
    if (!times || times != multiple(y, i)) return false;
  }
  return true;
}

Value bridge(SkipWriter& w, Value source, const TensorType& like_type, std::optional<Value> like) {
  const Form to = form_of(like_type);
  Form from = form_of(w.builder(), source);
  const auto axes = [&](Value x) { return extent_axes(w.builder().type(x)).size(); };
  if (from == to && from != Form::kOther && from != Form::kState && from != Form::kMap &&
      axes(source) == extent_axes(like_type).size()) {
    return source;
  }
  if (to == Form::kOther || to == Form::kState) {
    w.refuse("the axes of the target are not known, and the source is no value of the same sizes",
             "state the roles of the inputs (--roles), or join at another layer");
  }
  if (from == Form::kState) {
    source = state_to_vector(w, source);
    from = Form::kVector;
  } else if (from == Form::kOther) {
    source = pooled(w, source);
    from = Form::kMap;
  } else if (from == Form::kTimeFirst) {
    source = to_plain(w, source);
    from = Form::kSequence;
  } else if (from == Form::kMapLast && to != Form::kVector) {
    source = to_plain(w, source);
    from = Form::kMap;
  }
  if (to == Form::kMapLast || to == Form::kTimeFirst) {
    if (like && from != Form::kVector && !(from == Form::kMap && to == Form::kMapLast)) {
      like = plain_like(w, *like);
    }
    return from_plain(w, bridge(w, source, plain_type(like_type), like), like_type);
  }
  if (like && is_channels_last(w.builder().type(*like)) && from == Form::kSequence) {
    like = plain_like(w, *like);
  }
  if (from == to) {
    return to == Form::kMap ? match_space_axes(w, source, space_axes(like_type)) : source;
  }
  switch (to) {
    case Form::kMap:
      return to_map(w, source, from, space_axes(like_type), like);
    case Form::kSequence:
      return to_sequence(w, source, from, like);
    default:
      return collapse(w, source, extent_axes(w.builder().type(source)));
  }
}

}  // namespace rung
