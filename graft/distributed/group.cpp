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

constexpr size_t kMostGathered = size_t{16}
                                 << 20;  // bytes whose sums are in the order of the ranks
constexpr uint64_t kLongestText = uint64_t{1} << 30;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

mx::array bytes_of(const std::string& text) {
  return mx::array(reinterpret_cast<const uint8_t*>(text.data()), {static_cast<int>(text.size())},
                   mx::uint8);
}

}  // namespace

Group::Group(mx::distributed::Group group, Hooks hooks)
    : group_(std::move(group)),
      hooks_(std::move(hooks)),
      rank_(group_->rank()),
      size_(group_->size()),
      ended_(now()) {}

// MLX tells of a lost connection by what it throws, from the call or from the evaluation.
mx::array Group::called(const std::function<mx::array()>& call) const {
  if (hooks_.worked) hooks_.worked(now() - ended_);
  try {
    mx::array result = call();
    mx::eval(result);
    ended_ = now();
    return result;
  } catch (const std::exception& error) {
    throw PeerLost(hooks_.explained ? hooks_.explained(error.what()) : error.what());
  }
}

mx::array Group::gather(const mx::array& x) const {
  mx::Shape shape = x.shape();
  shape.insert(shape.begin(), size_);
  if (is_alone()) return mx::reshape(x, shape);
  mx::array flat = mx::flatten(x);
  mx::eval(flat);
  return called([&] { return mx::reshape(mx::distributed::all_gather(flat, group_), shape); });
}

mx::array Group::sum(const mx::array& x, WireType wire) const {
  if (is_alone()) return x;
  if (wire == WireType::f32 && size_ > 2 && x.nbytes() > kMostGathered) {
    mx::array flat = mx::flatten(x);
    mx::eval(flat);
    return called([&] { return mx::reshape(mx::distributed::all_sum(flat, group_), x.shape()); });
  }
  const mx::array all = gather(wire == WireType::bf16 ? mx::astype(x, mx::bfloat16) : x);
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
  if (text.size() > kLongestText) fail("a text of {} bytes is none to share", text.size());
  const mx::array lengths = gather(mx::array({static_cast<uint32_t>(text.size())}));
  const auto* length = lengths.data<uint32_t>();
  const uint32_t longest = *std::max_element(length, length + size_);
  if (longest > kLongestText) fail("another process' text has {} bytes", longest);
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

bool Group::any(bool here) const {
  if (is_alone()) return here;
  const mx::array all = gather(mx::array({static_cast<uint8_t>(here ? 1 : 0)}));
  const auto* flags = all.data<uint8_t>();
  return std::any_of(flags, flags + size_, [](uint8_t flag) { return flag != 0; });
}

std::string Group::broadcast(const std::string& text) const {
  return gather(is_first() ? text : std::string()).front();
}

const Group& alone() {
  static const Group group;
  return group;
}

}  // namespace graft::distributed
