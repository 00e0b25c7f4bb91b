#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::trunk {

/// The weights of a model's layers as parts of mapped files: which can be read ahead, and let go.
/// The folder must outlive it.
class LayerPages {
 public:
  LayerPages(models::Model& model, const io::ModelFolder& folder);

  int layers() const { return static_cast<int>(names_.size()); }
  /// How many tensors of the folder are a layer's.
  size_t tensors(int layer) const { return names_[static_cast<size_t>(layer)].size(); }
  /// Of a layer's weights.
  size_t bytes(int layer) const { return bytes_[static_cast<size_t>(layer)]; }
  /// Of layers [begin, end): has the system begin to read them; lets their memory go.
  void prefetch(int begin, int end) const;
  void release(int begin, int end) const;
  /// Lets what is outside of the layers go, too.
  void release_others() const;

 private:
  const io::ModelFolder& folder_;
  std::vector<std::vector<std::string>> names_;  // by layer
  std::vector<std::string> others_;
  std::vector<size_t> bytes_;  // by layer
};

}  // namespace graft::trunk
