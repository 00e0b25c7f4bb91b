#include "graft/generation/sampler.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace graft::generation {
namespace {

struct Candidate {
  float logit;
  int32_t id;
  double probability;
};

// Likelier first; equal ones in order of their ids, so that a seed gives one result everywhere.
bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

void keep_top_p(std::vector<Candidate>& candidates, float share) {
  double sum = 0;
  size_t kept = 0;
  while (kept < candidates.size() && sum < share) sum += candidates[kept++].probability;
  candidates.resize(std::max<size_t>(kept, 1));
}

}  // namespace

// Keskar et al. 2019 (arXiv:1909.05858): a positive logit is divided, a negative one multiplied.
void Sampler::penalize(std::span<float> logits, std::span<const int32_t> history) const {
  size_t reach = std::min(history.size(), static_cast<size_t>(options_.repetition_context));
  std::set<int32_t> seen(history.end() - static_cast<std::ptrdiff_t>(reach), history.end());
  for (int32_t id : seen) {
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
  }
}

int32_t Sampler::pick(std::span<float> logits, std::span<const int32_t> history) {
  if (options_.repetition_penalty != 1) penalize(logits, history);
  if (options_.temperature <= 0) {
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  // Filters look at the model's own probabilities; the temperature applies to what they leave.
  float most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit - most));
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    double probability = std::exp(static_cast<double>(logits[i] - most)) / sum;
    if (probability * sum < options_.min_p) continue;  // the likeliest has probability 1 / sum
    candidates.push_back({logits[i], static_cast<int32_t>(i), probability});
  }
  auto count = candidates.size();
  if (options_.top_k > 0) count = std::min(count, static_cast<size_t>(options_.top_k));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count),
                    candidates.end(), likelier);
  candidates.resize(count);
  if (options_.top_p < 1) keep_top_p(candidates, options_.top_p);

  double total = 0;
  for (Candidate& c : candidates) {
    c.probability = std::exp(static_cast<double>(c.logit - most) / options_.temperature);
    total += c.probability;
  }
  // 53 random bits to a number in [0, 1): the standard's distributions differ between libraries.
  double target = static_cast<double>(random_() >> 11) * 0x1p-53 * total;
  for (const Candidate& c : candidates) {
    target -= c.probability;
    if (target < 0) return c.id;
  }
  return candidates.back().id;
}

}  // namespace graft::generation
