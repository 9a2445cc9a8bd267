#include "rung/io/pytorch/pickle.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/pytorch/pickle_calls.h"

namespace rung {
namespace {

using Object = PickleObject;
using Kind = PickleObject::Kind;

constexpr size_t kMostSteps = size_t{1} << 23;
constexpr size_t kLongestName = 512;

constexpr std::string_view kKindNames[] = {"None",    "a bool", "an int", "a float",
                                           "a text",  "bytes",  "a list", "a tuple",
                                           "a set",   "a dict", "a name", "memory of a tensor",
                                           "a tensor"};

// The stack machine of Python's pickle module, on values that cannot do anything.
class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  Pickle run() {
    if (byte() != kProtocol) broken("it is no pickle of protocol 2 to 5");
    if (const uint8_t version = byte(); version < 2 || version > 5) {
      broken(fmt::format("it has protocol {}; rung reads 2 to 5", version));
    }
    for (size_t steps = 0; !step(byte()); ++steps) {
      if (steps == kMostSteps) broken(fmt::format("it takes more than {} steps", kMostSteps));
    }
    pickle_.root = pop();
    if (!marks_.empty() || !stack_.empty()) broken("it leaves more than one value");
    pickle_.bytes = at_;
    return std::move(pickle_);
  }

 private:
  static constexpr uint8_t kProtocol = 0x80;

  [[noreturn]] void broken(const std::string& why) const {
    fail_user("{} holds a broken pickle: at byte {}, {}", what_, at_, why);
  }
  [[noreturn]] void refuse(const std::string& asked) const {
    fail_user(
        "{} asks for {}; rung never executes code of a file\n"
        "  rule    tensors and plain containers are read, and nothing else\n"
        "  fix     in Python: torch.save(model.state_dict(), path)",
        what_, asked);
  }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) broken("it is cut short");
    const auto taken = bytes_.substr(at_, static_cast<size_t>(count));
    at_ += static_cast<size_t>(count);
    return taken;
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  uint8_t byte() { return number<uint8_t>(); }
  std::string line() {
    const auto end = bytes_.substr(at_, kLongestName).find('\n');
    if (end == std::string_view::npos) broken("a name does not end");
    const std::string text(take(end));
    ++at_;
    return text;
  }

  Object* make(Kind kind) {
    Object& object = pickle_.objects.emplace_back();
    object.kind = kind;
    return &object;
  }
  void push(Object* object) { stack_.push_back(object); }
  Object* pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) broken("a value is missing");
    Object* object = stack_.back();
    stack_.pop_back();
    return object;
  }
  Object* pop(Kind kind) {
    Object* object = pop();
    if (object->kind != kind) {
      broken(fmt::format("{} stands where {} belongs", name(object->kind), name(kind)));
    }
    return object;
  }
  // All above the last mark, in order.
  std::vector<Object*> pop_mark() {
    if (marks_.empty()) broken("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Object*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Object*> pop_some(size_t count) {
    std::vector<Object*> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void push_whole(int64_t value, Kind kind = Kind::kInt) {
    push(make(kind));
    stack_.back()->whole = value;
  }
  void push_long(std::string_view bytes) {
    push_whole(0);
    if (bytes.size() > sizeof(int64_t)) {
      stack_.back()->text = bytes;
      return;
    }
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    stack_.back()->whole = value;
  }
  void push_text(Kind kind, uint64_t count) {
    const auto text = take(count);
    push(make(kind));
    stack_.back()->text = text;
  }
  void push_items(Kind kind, std::vector<Object*> items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) broken("a key has no value");
    push(make(kind));
    stack_.back()->items = std::move(items);
  }
  void extend(Kind kind, const std::vector<Object*>& items) {
    Object* into = pop(kind);
    if (kind == Kind::kDict && items.size() % 2 != 0) broken("a key has no value");
    into->items.insert(into->items.end(), items.begin(), items.end());
    push(into);
  }

  // Whether the pickle ends here.
  bool step(uint8_t op) {
    if (op == '.') return true;
    if (!read_value(op) && !read_container(op) && !read_stack(op) && !read_call(op)) {
      broken(fmt::format("operation 0x{:02x} is unknown in protocol 2 to 5", op));
    }
    return false;
  }

  bool read_value(uint8_t op);
  bool read_container(uint8_t op);
  bool read_stack(uint8_t op);
  bool read_call(uint8_t op);
  void put(uint32_t index) {
    push(pop());
    memo_[index] = stack_.back();
  }
  void get(uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) broken(fmt::format("value {} was never noted", index));
    push(found->second);
  }
  void push_global(const std::string& module, const std::string& attribute) {
    const std::string global = module + "." + attribute;
    if (!is_known_global(global)) refuse(quoted_plain(global));
    push_text(Kind::kGlobal, 0);
    stack_.back()->text = global;
  }
  // Without quotes where it reads like a name.
  static std::string quoted_plain(const std::string& text) {
    const std::string marked = quoted(text);
    return marked.size() == text.size() + 2 ? text : marked;
  }
  void reduce();
  void build();

  std::string_view bytes_;
  const std::string& what_;
  size_t at_ = 0;
  Pickle pickle_;
  std::vector<Object*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Object*> memo_;  // looked up, never walked
};

bool Unpickler::read_value(uint8_t op) {
  switch (op) {
    case 'N':
      push(make(Kind::kNone));
      return true;
    case 0x88:
    case 0x89:
      push_whole(op == 0x88, Kind::kBool);
      return true;
    case 'K':
      push_whole(byte());
      return true;
    case 'M':
      push_whole(number<uint16_t>());
      return true;
    case 'J':
      push_whole(number<int32_t>());
      return true;
    case 0x8a:
      push_long(take(byte()));
      return true;
    case 0x8b:
      push_long(take(number<uint32_t>()));
      return true;
    case 'G':  // the one number with its largest byte first
      push(make(Kind::kFloat));
      stack_.back()->real = std::bit_cast<double>(__builtin_bswap64(number<uint64_t>()));
      return true;
    case 'U':
    case 0x8c:
      push_text(Kind::kText, byte());
      return true;
    case 'T':
    case 'X':
      push_text(Kind::kText, number<uint32_t>());
      return true;
    case 0x8d:
      push_text(Kind::kText, number<uint64_t>());
      return true;
    case 'C':
      push_text(Kind::kBytes, byte());
      return true;
    case 'B':
      push_text(Kind::kBytes, number<uint32_t>());
      return true;
    case 0x8e:
    case 0x96:
      push_text(Kind::kBytes, number<uint64_t>());
      return true;
    default:
      return false;
  }
}

bool Unpickler::read_container(uint8_t op) {
  switch (op) {
    case '}':
      push(make(Kind::kDict));
      return true;
    case ']':
      push(make(Kind::kList));
      return true;
    case ')':
      push(make(Kind::kTuple));
      return true;
    case 0x8f:
      push(make(Kind::kSet));
      return true;
    case 't':
      push_items(Kind::kTuple, pop_mark());
      return true;
    case 0x85:
    case 0x86:
    case 0x87:
      push_items(Kind::kTuple, pop_some(op - 0x84U));
      return true;
    case 'l':
      push_items(Kind::kList, pop_mark());
      return true;
    case 'd':
      push_items(Kind::kDict, pop_mark());
      return true;
    case 0x91:
      push_items(Kind::kSet, pop_mark());
      return true;
    case 'a':
      extend(Kind::kList, pop_some(1));
      return true;
    case 'e':
      extend(Kind::kList, pop_mark());
      return true;
    case 's':
      extend(Kind::kDict, pop_some(2));
      return true;
    case 'u':
      extend(Kind::kDict, pop_mark());
      return true;
    case 0x90:
      extend(Kind::kSet, pop_mark());
      return true;
    default:
      return false;
  }
}

bool Unpickler::read_stack(uint8_t op) {
  switch (op) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case '0':
      pop();
      return true;
    case '1':
      pop_mark();
      return true;
    case '2':
      push(pop());
      push(stack_.back());
      return true;
    case 'q':
      put(byte());
      return true;
    case 'r':
      put(number<uint32_t>());
      return true;
    case 0x94:
      put(static_cast<uint32_t>(memo_.size()));
      return true;
    case 'h':
      get(byte());
      return true;
    case 'j':
      get(number<uint32_t>());
      return true;
    case 0x95:  // a frame: how many bytes a reader may fetch at once
      if (number<uint64_t>() > bytes_.size() - at_) broken("it is cut short");
      return true;
    default:
      return false;
  }
}

bool Unpickler::read_call(uint8_t op) {
  switch (op) {
    case 'c': {
      const std::string module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {
      const Object* attribute = pop(Kind::kText);
      push_global(pop(Kind::kText)->text, attribute->text.substr(0, kLongestName));
      return true;
    }
    case 'i': {
      const std::string module = line();
      refuse(quoted_plain(module + "." + line()));
    }
    case 'R':
      reduce();
      return true;
    case 'b':
      build();
      return true;
    case 'Q': {
      const Object* id = pop();
      Object* storage = storage_of(*id, pickle_);
      if (storage == nullptr) {
        const bool tagged =
            id->kind == Kind::kTuple && !id->items.empty() && id->items[0]->kind == Kind::kText;
        refuse("an object from outside of the pickle that is no memory of tensors" +
               (tagged ? ", a " + quoted(id->items[0]->text.substr(0, kLongestName)) : ""));
      }
      push(storage);
      return true;
    }
    case 0x81:
    case 0x92:
    case 'o':
      refuse("an object of a class");
    case 0x82:
    case 0x83:
    case 0x84:
      refuse("a name by its number in Python's copyreg");
    default:
      return false;
  }
}

void Unpickler::reduce() {
  const Object* arguments = pop(Kind::kTuple);
  const Object* global = pop(Kind::kGlobal);
  Object* made = call_known(global->text, *arguments, pickle_);
  if (made == nullptr) {
    refuse(fmt::format("a call of {} with {} arguments, which is not how PyTorch saves tensors",
                       global->text, arguments->items.size()));
  }
  push(made);
}

// The attributes of a state dict are versions of its modules: not needed. Others change objects.
void Unpickler::build() {
  const Object* state = pop();
  Object* object = pop();
  if (object->kind != Kind::kDict || state->kind != Kind::kDict) {
    refuse(
        fmt::format("setting the attributes of {} from {}", name(object->kind), name(state->kind)));
  }
  push(object);
}

}  // namespace

std::string_view name(PickleObject::Kind kind) { return kKindNames[static_cast<size_t>(kind)]; }

Pickle read_pickle(std::string_view bytes, const std::string& what) {
  return Unpickler(bytes, what).run();
}

}  // namespace rung
