#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft {

/// The Unicode normalization forms (UAX #15).
enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// Text in a normal form, as Hugging Face tokenizers make it: characters newer than their tables
/// (unicode::kNotNormalized) stay as they are. Time is n log n at worst. The text must be valid
/// UTF-8.
std::string normalize(NormalForm form, std::string_view text);

/// Normal forms applied one after the other.
class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalForm> forms) : forms_(std::move(forms)) {}

  bool empty() const { return forms_.empty(); }

  /// True if the text is surely in its final form, found without normalizing it.
  bool leaves(std::string_view text) const;
  std::string apply(std::string_view text) const;

 private:
  std::vector<NormalForm> forms_;
};

}  // namespace graft
