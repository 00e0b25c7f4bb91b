#include "graft/calibration/repair.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/calibration/tuning.h"
#include "graft/training/evaluation.h"

namespace graft::calibration {
namespace {

constexpr std::array<std::pair<Repair, const char*>, 4> kNames = {
    {{Repair::round, "round"},
     {Repair::tune, "tune"},
     {Repair::bits, "bits"},
     {Repair::remainder, "remainder"}}};

constexpr std::array kHigherBits = {6, 8};
constexpr int64_t kGainTokens = 1024;  // what one layer changes is seen on so many
constexpr size_t kMostNames = 5;       // of layers, in a message
constexpr double kEndless = std::numeric_limits<double>::infinity();

class Repairer {
 public:
  Repairer(models::Model& model, FusedLayers& layers, const RepairTexts& texts,
           const RepairOptions& options, FrontEnd& front_end)
      : model_(model),
        layers_(layers),
        texts_(texts),
        options_(options),
        front_end_(front_end),
        wanted_(predictions_of(model, texts.measured, front_end)) {}

  RepairReport run(double base) {
    const Comparison adapted = compare_on(texts_.measured, wanted_);
    report_.adapted = {"adapted", layers_.bytes(), adapted.loss, 0};
    limit_ = adapted.loss + options_.max_loss_gap;
    size_t bytes = 0;
    for (const FusedLayer& layer : layers_.all()) bytes += layer.bytes();
    report_.base = {"base", bytes, base, 0};
    layers_.round_to_nearest();
    measure("rounded to the nearest");
    const bool shows = !texts_.calibration.empty() && layers_.count_rounded() > 0;
    if (!is_enough() && has(Repair::round) && shows) {
      step("rounded for its inputs", names_of_all(), [&] { round(); });
    }
    const auto tuned = tuned_layers();
    if (!is_enough() && has(Repair::tune) && shows && !tuned.empty()) {
      step("scales tuned", names_of_all(), [&] { tune(tuned); });
    }
    for (const int bits : kHigherBits) {
      if (is_enough() || !has(Repair::bits)) break;
      change_fewest(fmt::format("layers with {} bits", bits),
                    [&](size_t index) { return layers_.raise(index, bits); });
    }
    if (!is_enough() && has(Repair::remainder)) {
      change_fewest("layers beside their adapters",
                    [&](size_t index) { return layers_.restore(index); });
    }
    report_.within = is_enough();
    if (!report_.within) name_worst();
    return std::move(report_);
  }

 private:
  bool has(Repair repair) const {
    return std::find(options_.steps.begin(), options_.steps.end(), repair) != options_.steps.end();
  }

  Comparison compare_on(const std::vector<data::Batch>& texts, const Predicted& wanted) const {
    return compare(model_, texts, wanted, front_end_);
  }

  // The same; endlessly far where it is not finite.
  Comparison distance_on(const std::vector<data::Batch>& texts, const Predicted& wanted) const {
    try {
      return compare_on(texts, wanted);
    } catch (const training::NotFinite&) {
      return {kEndless, kEndless};
    }
  }

  // For people: the first ones by name.
  std::string names_of(const std::vector<size_t>& indices) const {
    std::vector<std::string> names;
    for (const size_t index : indices) {
      if (names.size() == kMostNames) break;
      names.push_back(layers_.all()[index].path());
    }
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (indices.size() > names.size()) {
      text += fmt::format(" and {} more", indices.size() - names.size());
    }
    return text;
  }
  std::string names_of_all() const {
    std::vector<size_t> indices(layers_.all().size());
    std::iota(indices.begin(), indices.end(), size_t{0});
    return names_of(indices);
  }

  void measure(const std::string& what) {
    const Comparison now = compare_on(texts_.measured, wanted_);
    report_.steps.push_back({what, layers_.bytes(), now.loss, now.divergence});
  }

  bool is_enough() const { return report_.steps.back().loss <= limit_; }

  void progress(const std::string& what, size_t done, size_t all) {
    front_end_.progress({{.share = static_cast<double>(done) / static_cast<double>(all),
                          .fields = {what, fmt::format("{} of {}", done, all)}}});
    front_end_.check_cancelled();
  }

  // Changes layers, `whose` for people, and takes that back if the model is farther from the
  // adapted one then and not good enough.
  template <class Change>
  void step(const std::string& what, const std::string& whose, Change&& change) {
    const Measured before = report_.steps.back();
    const std::vector<FusedLayers::Kept> kept = layers_.keep_all();
    try {
      change();
      measure(what);
      if (report_.steps.back().divergence <= before.divergence || is_enough()) return;
      report_.steps.pop_back();
    } catch (const training::NotFinite& error) {  // is as far as can be
      front_end_.warn("{}, of {}, is not taken: {}", what, whose, error.what());
    }
    layers_.put_all(kept);
    report_.steps.push_back(before);
    report_.steps.back().what = what + ": worse, not taken";
  }

  void round() {
    layers_.round_to_inputs(texts_.calibration, [&](size_t done) {
      progress("Rounding layers", done, layers_.count_rounded());
    });
  }

  std::vector<models::LinearPart> tuned_layers() const {
    std::vector<models::LinearPart> linears;
    for (const FusedLayer& layer : layers_.all()) {
      if (is_tuned(layer.part)) linears.push_back(layer.part);
    }
    return linears;
  }

  void tune(const std::vector<models::LinearPart>& linears) {
    const int skipped = tune_scales(
        model_, linears, texts_.calibration, wanted_of(texts_.calibration),
        {.steps = options_.tuning_steps, .rate = options_.tuning_rate, .done = [&](int done) {
           progress("Tuning scales", static_cast<size_t>(done),
                    static_cast<size_t>(options_.tuning_steps));
         }});
    if (skipped > 0) {
      front_end_.warn(
          "{} steps of tuning scales were skipped: their gradients were not finite, or what they "
          "led to",
          skipped);
    }
  }

  // The texts that gains are seen on: the first ones.
  std::vector<data::Batch> first_texts() const {
    std::vector<data::Batch> some;
    int64_t tokens = 0;
    for (const data::Batch& batch :
         texts_.calibration.empty() ? texts_.measured : texts_.calibration) {
      if (tokens >= kGainTokens) break;
      some.push_back(batch);
      tokens += batch.tokens();
    }
    return some;
  }

  // What the adapted model predicts of the calibration texts.
  const Predicted& calibration() {
    if (calibration_) return *calibration_;
    const std::vector<FusedLayers::Kept> kept = layers_.keep_all();
    for (size_t i = 0; i < kept.size(); ++i) layers_.restore(i);
    calibration_ = predictions_of(model_, texts_.calibration, front_end_);
    layers_.put_all(kept);
    return *calibration_;
  }

  // The same of the first of either texts.
  Predicted wanted_of(const std::vector<data::Batch>& texts) {
    const Predicted& all = texts_.calibration.empty() ? wanted_ : calibration();
    Predicted some{{}, all.head};
    some.states.assign(all.states.begin(),
                       all.states.begin() + static_cast<std::ptrdiff_t>(texts.size()));
    return some;
  }

  // A layer in another form: what that gains of divergence, and what it costs.
  struct Change {
    size_t index;
    double gain, bytes;

    bool is_free() const { return bytes <= 0 && gain > 0; }
    // Whether it comes before another one: what costs nothing, then the most for a byte.
    bool operator<(const Change& other) const {
      if (is_free() != other.is_free()) return is_free();
      if (is_free()) return gain > other.gain;
      return gain / std::max(1.0, bytes) > other.gain / std::max(1.0, other.bytes);
    }
  };

  // Of each layer that `give` gives another form, the most useful first. Those with which the model
  // has no finite loss are named and left out.
  template <class Give>
  std::vector<Change> changes(const std::string& what, Give&& give) {
    const std::vector<data::Batch> some = first_texts();
    const Predicted wanted = wanted_of(some);
    const double now = distance_on(some, wanted).divergence;
    const auto bytes = static_cast<double>(layers_.bytes());
    std::vector<Change> all;
    std::vector<size_t> not_finite;
    for (size_t index = 0; index < layers_.all().size(); ++index) {
      progress("Looking for layers that lose", index, layers_.all().size());
      const FusedLayers::Kept kept = layers_.keep(index);
      if (!give(index)) continue;
      const double then = distance_on(some, wanted).divergence;
      if (then < kEndless) {
        all.push_back({index, now - then, static_cast<double>(layers_.bytes()) - bytes});
      } else {
        not_finite.push_back(index);
      }
      layers_.put(index, kept);
    }
    if (!not_finite.empty()) {
      front_end_.warn("{}: not tried with {}, since the loss is not finite then", what,
                      names_of(not_finite));
    }
    std::stable_sort(all.begin(), all.end());
    return all;
  }

  // Changes as few layers, the most useful first, as the loss needs; where all of them are too
  // few, those that gain anything.
  template <class Give>
  void change_fewest(const std::string& what, Give&& give) {
    const std::vector<Change> all = changes(what, give);
    if (all.empty()) return;
    const auto names = [&](size_t count) {
      std::vector<size_t> indices;
      for (size_t i = 0; i < count; ++i) indices.push_back(all[i].index);
      return names_of(indices);
    };
    std::vector<FusedLayers::Kept> kept;
    for (const Change& change : all) kept.push_back(layers_.keep(change.index));
    const auto make = [&](size_t count) {
      for (size_t i = 0; i < all.size(); ++i) {
        layers_.put(all[i].index, kept[i]);
        if (i < count) give(all[i].index);
      }
    };
    const auto with = [&](size_t count) {
      make(count);
      const Comparison found = distance_on(texts_.measured, wanted_);
      if (found.loss == kEndless) {
        front_end_.warn("{} {} are not taken: with {} the loss is not finite", count, what,
                        names(count));
      }
      return found;
    };
    size_t low = 0, high = all.size();  // low is too few
    while (high - low > 1) {
      const size_t middle = (low + high) / 2;
      progress("Choosing layers", all.size() - (high - low), all.size());
      (with(middle).loss <= limit_ ? high : low) = middle;
    }
    const auto useful = static_cast<size_t>(std::count_if(
        all.begin(), all.end(), [](const Change& change) { return change.gain > 0; }));
    if (high == all.size() && useful < high) {
      const Comparison of_all = with(high);
      if (of_all.loss > limit_ && with(useful).divergence <= of_all.divergence) high = useful;
    }
    make(0);
    if (high == 0) return;
    step(fmt::format("{} {}", high, what), names(high), [&] { make(high); });
  }

  // By their weights: the model is not run for a message.
  void name_worst() {
    std::vector<std::pair<double, size_t>> errors;
    for (size_t i = 0; i < layers_.all().size(); ++i) errors.emplace_back(layers_.error_of(i), i);
    std::sort(errors.rbegin(), errors.rend());
    for (const auto& [error, index] : errors) {
      if (report_.worst.size() == kMostNames) break;
      report_.worst.push_back(layers_.all()[index].path());
    }
  }

  models::Model& model_;
  FusedLayers& layers_;
  const RepairTexts& texts_;
  const RepairOptions& options_;
  FrontEnd& front_end_;
  Predicted wanted_;                      // what the adapted model predicts of the measured texts
  std::optional<Predicted> calibration_;  // and of the others, once it was asked for
  double limit_ = 0;
  RepairReport report_;
};

}  // namespace

std::vector<Repair> all_repairs() {
  std::vector<Repair> all;
  for (const auto& [repair, name] : kNames) all.push_back(repair);
  return all;
}

std::string name_of(Repair repair) { return kNames.at(static_cast<size_t>(repair)).second; }

Repair repair_named(const std::string& name) {
  for (const auto& [repair, own] : kNames) {
    if (name == own) return repair;
  }
  std::vector<std::string> names;
  for (const Repair repair : all_repairs()) names.push_back(name_of(repair));
  fail_usage("`repair`: '{}' is none of {}", name, fmt::join(names, ", "));
}

RepairReport fuse_and_repair(models::Model& model, FusedLayers& layers, const RepairTexts& texts,
                             double base, const RepairOptions& options, FrontEnd& front_end) {
  return Repairer(model, layers, texts, options, front_end).run(base);
}

}  // namespace graft::calibration
