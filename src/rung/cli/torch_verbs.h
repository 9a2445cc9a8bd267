#pragma once

#include <string>

namespace CLI {
class App;
}

namespace rung::cli {

/// Declares the verbs that live in `rung-torch`, so that help and messages list them.
void add_torch_verbs(CLI::App& app);

/// True where the verb lives in `rung-torch`; `run --program` does not.
bool needs_torch(int count, char** arguments);

/// Becomes `rung-torch` with the same arguments. It is looked for beside this program and in
/// ../libexec/rung. Throws an unsupported error that names these places, and `what` for, where it
/// is in neither: LibTorch's part is an optional part of an installation, and loading LibTorch
/// would cost every other verb a second.
[[noreturn]] void become_rung_torch(char** argv, const std::string& what);

}  // namespace rung::cli
