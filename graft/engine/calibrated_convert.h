#pragma once

#include <map>
#include <string>

#include "graft/convert/convert.h"
#include "graft/engine/named_data.h"

namespace graft::engine {

/// The weights of a checkpoint folder's linear layers, embedding and head, quantized for what texts
/// show of their inputs (calibration/round_model.h): at most 32768 tokens, or 8 for each input of
/// the widest layer, of the first split that there is. For ConvertOptions::rounded. Throws as
/// convert and loading a model do, Cancelled.
std::map<std::string, ops::Weight> calibrated_weights(const convert::ConvertOptions& options,
                                                      const NamedData& data, FrontEnd& front_end);

}  // namespace graft::engine
