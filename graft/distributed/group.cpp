#include "graft/distributed/group.h"

#include <mlx/distributed/ops.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace graft::distributed {
namespace {

constexpr uint64_t kLongestText = uint64_t{1} << 30;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

mx::array bytes_of(const std::string& text) {
  return mx::array(reinterpret_cast<const uint8_t*>(text.data()), {static_cast<int>(text.size())},
                   mx::uint8);
}

}  // namespace

Group::Group(mx::distributed::Group group, Watch watch, int on_this_host)
    : group_(std::move(group)),
      watch_(std::move(watch)),
      rank_(group_->rank()),
      size_(group_->size()),
      on_this_host_(on_this_host),
      ended_(now()) {}

// MLX tells of a lost connection by what it throws, from the call or from the evaluation.
mx::array Group::called(const std::function<mx::array()>& call, bool is_work) const {
  if (watch_.begins) watch_.begins(is_work ? std::optional(now() - ended_) : std::nullopt);
  try {
    mx::array result = call();
    mx::eval(result);
    ended_ = now();
    if (watch_.ends) watch_.ends();
    return result;
  } catch (const std::exception& error) {
    throw PeerLost(watch_.explained ? watch_.explained(error.what()) : error.what());
  }
}

mx::array Group::gathered(const mx::array& x, bool is_work) const {
  mx::Shape shape = x.shape();
  shape.insert(shape.begin(), size_);
  if (is_alone()) return mx::reshape(x, shape);
  mx::array flat = mx::flatten(x);
  mx::eval(flat);
  return called([&] { return mx::reshape(mx::distributed::all_gather(flat, group_), shape); },
                is_work);
}

mx::array Group::sum(const mx::array& x, WireType wire) const {
  if (is_alone()) return x;
  mx::array sent = wire == WireType::bf16 ? mx::astype(x, mx::bfloat16) : x;
  if (size_ > 2 && sent.nbytes() > kMostGathered) {
    sent = mx::flatten(sent);
    mx::eval(sent);
    const mx::array sum = called([&] { return mx::distributed::all_sum(sent, group_); }, true);
    return mx::astype(mx::reshape(sum, x.shape()), mx::float32);
  }
  const mx::array all = gathered(sent, true);
  std::optional<mx::array> sum;
  for (int rank = 0; rank < size_; ++rank) {
    const mx::array part = mx::astype(mx::take(all, rank, 0), mx::float32);
    sum = sum ? mx::add(*sum, part) : part;
  }
  mx::eval(*sum);
  return *sum;
}

std::vector<std::string> Group::gather(const std::string& text) const {
  if (is_alone()) return {text};
  const uint64_t longest_text = kLongestText / static_cast<uint64_t>(size_);
  if (text.size() > longest_text) fail("a text of {} bytes is too long to share", text.size());
  const mx::array lengths = gather(mx::array({static_cast<uint32_t>(text.size())}));
  const auto* length = lengths.data<uint32_t>();
  const uint32_t longest = *std::max_element(length, length + size_);
  if (longest > longest_text) fail("another process' text has {} bytes", longest);
  std::string padded = text;
  padded.resize(std::max<uint32_t>(longest, 1));
  const mx::array all = gather(bytes_of(padded));
  std::vector<std::string> texts;
  for (int rank = 0; rank < size_; ++rank) {
    const auto* begin = reinterpret_cast<const char*>(all.data<uint8_t>()) + rank * padded.size();
    texts.emplace_back(begin, length[rank]);
  }
  return texts;
}

std::vector<std::vector<double>> Group::gather(const std::vector<double>& numbers) const {
  std::string bytes(numbers.size() * sizeof(double), '\0');
  if (!numbers.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  std::vector<std::vector<double>> all;
  for (const std::string& text : gather(bytes)) {
    std::vector<double> one(text.size() / sizeof(double));
    if (!one.empty()) std::memcpy(one.data(), text.data(), one.size() * sizeof(double));
    all.push_back(std::move(one));
  }
  return all;
}

uint8_t Group::any_bits(uint8_t here) const {
  if (is_alone()) return here;
  const mx::array all = gather(mx::array({here}));
  uint8_t any = 0;
  for (int rank = 0; rank < size_; ++rank) any |= all.data<uint8_t>()[rank];
  return any;
}

std::string Group::broadcast(const std::string& text) const {
  return gather(is_first() ? text : std::string()).front();
}

const Group& alone() {
  static const Group group;
  return group;
}

}  // namespace graft::distributed
