#include "rung/join/bridge.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"

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
  return w.step("tokens on the target's grid", [&](Builder& b) {
    return b.add("grid", ops::TokensToMap{}, {x, *like});
  });
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

// [T, N, F], as recurrent layers have it within the files of other programs.
bool is_time_first(const TensorType& type) {
  return type.roles == Roles{Role::kTime, Role::kBatch, Role::kFeature};
}

}  // namespace

Form form_of(const TensorType& type) {
  if (type.is_map()) return Form::kMap;
  if (type.is_sequence()) return Form::kSequence;
  if (type.is_vector()) return Form::kVector;
  const bool state =
      type.rank() == 3 && type.roles[1] == Role::kBatch && type.roles[2] == Role::kFeature;
  if (state && !is_time_first(type)) {
    return Form::kState;
  }
  return Form::kOther;
}

std::string_view name(Form form) {
  static constexpr std::string_view kNames[] = {"map", "sequence", "vector", "state", "other"};
  return kNames[static_cast<size_t>(form)];
}

Value bridge(SkipWriter& w, Value source, const TensorType& like_type, std::optional<Value> like) {
  if (is_time_first(w.builder().type(source))) {
    source = w.step("the batch in front of the time", [&](Builder& b) {
      return b.add("batch_first", ops::Transpose{.order = {1, 0, 2}}, {source});
    });
  }
  Form from = form_of(w.builder().type(source));
  const Form to = form_of(like_type);
  if (from == Form::kState) {
    source = state_to_vector(w, source);
    from = Form::kVector;
  }
  if (from == Form::kOther || to == Form::kOther || to == Form::kState) {
    w.refuse(
        "only maps (batch, channel, space…), sequences (batch, time, feature), vectors "
        "(batch, feature) and recurrent states can be joined",
        "give the network's input its axis roles, or join at another layer");
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
      return collapse(
          w, source, from == Form::kMap ? axes_from(2, w.builder().type(source).rank()) : Sizes{1});
  }
}

}  // namespace rung
