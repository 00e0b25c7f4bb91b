#include "graft/engine/calibrated_convert.h"

#include <fmt/format.h>

#include <optional>

#include "graft/base/error.h"
#include "graft/calibration/round_model.h"
#include "graft/calibration/texts.h"

namespace graft::engine {
namespace {

constexpr int64_t kTokensThatShow = 32768;

std::vector<data::Batch> first_split(const NamedData& data, const LoadedModel& loaded,
                                     FrontEnd& front_end) {
  for (const char* split : {"train", "valid", "test"}) {
    if (!data.has(split)) continue;
    return calibration::texts_of(
        data.load(split, loaded, {.add_eos = true}, front_end),
        {.most_tokens = calibration::tokens_to_see(*loaded.model, kTokensThatShow)});
  }
  fail("`calibrate`: there is no file of texts");
}

}  // namespace

std::map<std::string, ops::Weight> calibrated_weights(const convert::ConvertOptions& options,
                                                      const NamedData& data, FrontEnd& front_end) {
  io::check_model_target(options.hf_path,
                         {.path = options.mlx_path, .force = options.force, .option = "mlx_path"});
  const auto layers = convert::planned_layers(options);
  LoadedModel loaded = load_folder(options.hf_path);
  const auto setting_of =
      [&](const models::LinearPart& part) -> std::optional<calibration::RoundingOptions> {
    const auto layer = layers.find(part.path());
    if (layer == layers.end()) return {};
    return calibration::RoundingOptions{.setting = layer->second.setting,
                                        .dtype = layer->second.dtype};
  };
  const std::vector<data::Batch> texts = first_split(data, loaded, front_end);
  if (texts.empty()) fail("`calibrate`: no token of the texts carries loss");
  auto weights =
      calibration::round_model(*loaded.model, texts, setting_of, [&](size_t done, size_t all) {
        front_end.progress({{.share = static_cast<double>(done) / static_cast<double>(all),
                             .fields = {"Rounding layers", fmt::format("{} of {}", done, all)}}});
        front_end.check_cancelled();
      });
  front_end.progress({});
  if (weights.empty()) fail("`calibrate`: none of the model's linear layers is quantized");
  return weights;
}

}  // namespace graft::engine
