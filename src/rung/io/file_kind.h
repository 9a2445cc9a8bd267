#pragma once

#include <filesystem>
#include <string>

namespace rung {

/// The kinds of files that hold networks or weights, and everything else.
enum class FileKind {
  kRung,         ///< a .rung file: safetensors with a graph
  kSafetensors,  ///< weights alone
  kOnnx,
  kTorchScript,  ///< what torch.jit.save writes
  kPt2,          ///< what torch.export.save writes
  kCheckpoint,   ///< what torch.save writes: pickled weights
  kOther,
};

struct FileContent {
  FileKind kind = FileKind::kOther;
  std::string what;  ///< "a PNG picture", for messages
};

/// What a file is, told by its content. ONNX files carry no mark: whatever begins like one is taken
/// for one, and the name's ending decides where the content says nothing (.rung and .onnx, so that
/// their readers say what is broken).
/// Throws a user error where the file cannot be read, or is a zip archive with a broken directory.
FileContent file_content(const std::filesystem::path& path);

}  // namespace rung
