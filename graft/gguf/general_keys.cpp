#include "graft/gguf/general_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace graft::gguf {
namespace {

constexpr const char* kHub = "https://huggingface.co/";

// "7.2B": two digits at least.
std::string rounded(double count) {
  struct Unit {
    double size;
    char letter;
  };
  for (const Unit& unit : {Unit{1e12, 'T'}, Unit{1e9, 'B'}, Unit{1e6, 'M'}, Unit{1e3, 'K'}}) {
    if (count <= unit.size && unit.letter != 'K') continue;
    const double scaled = count / unit.size;
    return fmt::format("{:.{}f}{}", scaled, std::nearbyint(scaled) < 10 ? 1 : 0, unit.letter);
  }
  return {};
}

// Another repository: general.base_model.0.name and so on.
void set_repository(io::GgufKeys& file, const std::string& prefix, const std::string& repository) {
  const size_t slash = repository.find('/');
  file.set(prefix + "name", repository.substr(slash == std::string::npos ? 0 : slash + 1));
  if (slash != std::string::npos) {
    file.set(prefix + "organization", repository.substr(0, slash));
    file.set(prefix + "repo_url", kHub + repository);
  }
}

}  // namespace

std::string size_label(const ModelSize& size) {
  if (size.experts == 0) return rounded(static_cast<double>(size.parameters));
  const double one = static_cast<double>(size.parameters - size.in_experts) +
                     static_cast<double>(size.in_experts) / size.experts;
  return fmt::format("{}x{}", size.experts, rounded(one));
}

void set_general_keys(io::GgufKeys& file, const GeneralInfo& info, const ModelSize& size) {
  file.set("general.type", "model");
  const auto set = [&](const char* key, const std::string& text) {
    if (!text.empty()) file.set(key, text);
  };
  set("general.name", info.name);
  set("general.organization", info.organization);
  set("general.size_label", size_label(size));
  set("general.license", info.license);
  if (!info.base_model.empty()) {
    file.set("general.base_model.count", uint32_t{1});
    set_repository(file, "general.base_model.0.", info.base_model);
  }
  if (!info.datasets.empty()) {
    file.set("general.dataset.count", static_cast<uint32_t>(info.datasets.size()));
    for (size_t i = 0; i < info.datasets.size(); ++i) {
      set_repository(file, fmt::format("general.dataset.{}.", i), info.datasets[i]);
    }
  }
  file.set("general.quantization_version", uint32_t{2});
}

void set_sampling_keys(io::GgufKeys& file, const json& generation_config) {
  struct Setting {
    const char* key;
    const char* gguf;
    bool whole = false;
  };
  for (const Setting& setting :
       {Setting{"top_k", "top_k", true}, Setting{"top_p", "top_p"}, Setting{"min_p", "min_p"},
        Setting{"temperature", "temp"}, Setting{"repetition_penalty", "penalty_repeat"}}) {
    const auto found = generation_config.find(setting.key);
    if (found == generation_config.end() || !found->is_number()) continue;
    const std::string key = std::string("general.sampling.") + setting.gguf;
    const double value = found->get<double>();
    if (!setting.whole) {
      file.set(key, static_cast<float>(value));
    } else if (value >= 0 && value <= INT32_MAX) {
      file.set(key, static_cast<int32_t>(value));
    }
  }
}

}  // namespace graft::gguf
