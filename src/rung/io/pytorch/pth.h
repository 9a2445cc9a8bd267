#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "rung/tensor/tensor.h"
#include "rung/tensor/weights.h"

namespace rung {

/// Named tensors, and where in their file they were found.
struct StateDict {
  Weights tensors;
  std::string note;  ///< "its 'state_dict'; left out: 'epoch'"; empty: the file holds them alone
};

/// Reads what `torch.save` writes, the zip archive of PyTorch 1.6 and later and the form before it,
/// without PyTorch or Python: the pickle is read as data (see read_pickle), never executed.
///
/// Of a checkpoint the state dict is taken: the file's only dict of tensors, or the one under
/// `key`, or else under the first of the usual names (state_dict, model_state_dict, model, …) that
/// is there. Tensors view the mapped file where they lie dense and aligned, else they are copied.
///
/// Throws a user error that names the file and the tensor: cut short, damaged, a pickle that asks
/// for anything but tensors and plain containers, no dict of tensors or several of them, tensors
/// that reach outside of their memory. Throws an unsupported error for dtypes that rung lacks,
/// big-endian files and expanded tensors.
StateDict load_pth(const std::filesystem::path& path, const std::string& key = {});
/// The same from memory; `name` is the file's, for messages.
StateDict load_pth(const std::shared_ptr<Storage>& file, const std::string& name,
                   const std::string& key = {});

/// Writes a state dict that `torch.load` reads as an OrderedDict of tensors: whole or not at all,
/// the same tensors as the same bytes. Throws a user error where a name is not UTF-8.
void save_pth(const std::filesystem::path& path, const Weights& tensors);

}  // namespace rung
