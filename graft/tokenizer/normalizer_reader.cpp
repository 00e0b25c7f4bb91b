#include <optional>
#include <utility>

#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/component.h"
#include "graft/tokenizer/pipeline_reader.h"

namespace graft::tokenizer {
namespace {

using NormalizerSteps = std::vector<Normalizer::Step>;

void add_steps(const JsonField& field, NormalizerSteps& steps) {
  std::string type = component_type(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("normalizers").elements()) add_steps(part, steps);
  } else if (type == "NFC") {
    steps.push_back(NormalForm::nfc);
  } else if (type == "NFD") {
    steps.push_back(NormalForm::nfd);
  } else if (type == "NFKC") {
    steps.push_back(NormalForm::nfkc);
  } else if (type == "NFKD") {
    steps.push_back(NormalForm::nfkd);
  } else if (type == "Prepend") {
    steps.push_back(Normalizer::Prepend{field.at("prepend").string()});
  } else if (type == "Replace") {
    steps.push_back(Replacement(read_pattern(field.at("pattern")), field.at("content").string()));
  } else if (type == "Strip") {
    steps.push_back(
        Normalizer::Strip{field.at("strip_left").boolean(), field.at("strip_right").boolean()});
  } else if (type == "Lowercase") {
    steps.push_back(Normalizer::Lowercase{});
  } else if (type == "Precompiled") {
    JsonField map = field.at("precompiled_charsmap");
    std::optional<std::string> bytes = base64_decode(map.string());
    if (!bytes) map.reject("base64");
    steps.push_back(Charsmap(*bytes, map.where()));
  } else {
    refuse_component(
        field, type,
        "NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase, Precompiled, Sequence");
  }
}

}  // namespace

Normalizer read_normalizer(const JsonField& field) {
  NormalizerSteps steps;
  add_steps(field, steps);
  check_parts(field, steps.size());
  return Normalizer(std::move(steps));
}

}  // namespace graft::tokenizer
