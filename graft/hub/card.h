#pragma once

#include <optional>
#include <string>

#include "graft/hub/http.h"
#include "graft/hub/repository.h"
#include "graft/io/provenance.h"

namespace graft::hub {

/// How an uploaded repository relates to the model it was made from, in the Hub's words
/// (`base_model_relation`); `converted` has none.
enum class Relation { converted, quantized, finetune, adapter };

/// The input for a model card.
struct CardFacts {
  Repository target = {};
  io::Provenance provenance = {};
  Relation relation = Relation::converted;
  std::optional<std::string> original = {};  // the card of the model it was made from
  std::string adapter_file = {};             // of an adapter
};

/// The text of a README.md in the Hub's format (its "Model Cards"): YAML between two lines of `---`
/// with library, tags, base model, licence and data sets, then how the model was made and how to
/// use it with graft and mlx-lm. Warns if the original's card cannot be read.
std::string model_card(CardFacts facts, FrontEnd& front_end);

/// Whether a card was written by graft and is nobody's own.
bool is_generated_card(const std::string& card);

/// The card of a model's repository; nothing if it has none or it cannot be read. Throws
/// ConnectionError, and Error if it is larger than 8 MB.
std::optional<std::string> fetch_card(const Environment& environment, const Repository& repository);

}  // namespace graft::hub
