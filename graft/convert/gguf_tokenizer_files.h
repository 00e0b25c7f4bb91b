#pragma once

#include <map>
#include <string>

#include "graft/base/front_end.h"
#include "graft/io/gguf.h"

namespace graft::convert {

/// tokenizer.json and tokenizer_config.json, by name, from a GGUF file's metadata. Throws Error if
/// it holds no tokenizer, or one that cannot be converted.
std::map<std::string, std::string> gguf_tokenizer_files(const io::GgufFile& file,
                                                        FrontEnd& front_end);

}  // namespace graft::convert
