#include "graft/plan/machine_speed.h"

#include <fmt/format.h>

#include <optional>
#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/machine.h"
#include "graft/base/threads.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"
#include "graft/models/parts.h"
#include "graft/ops/backend.h"

namespace graft::plan {
namespace {

// Counts up when what is measured, or how, changes.
constexpr int kMethod = 1;

std::string machine_kind() {
  const std::string kernels = ops::use_cpu_kernels() ? ops::cpu_kernels().isa : ops::path_in_use();
  return fmt::format("graft {}, method {}, {}, {}, {} threads", GRAFT_VERSION, kMethod,
                     processor_name(), kernels, num_threads());
}

// An object by machine, then kind of weights, then kernel.
json read_cache(const fs::path& file) {
  try {
    if (is_there(file)) return io::read_json_object(file);
  } catch (const Error&) {
  }
  return json::object();
}

std::optional<KernelSpeeds> speeds_of(const json& object) {
  if (!object.is_object() || !object.contains(kOthers)) return {};
  KernelSpeeds speeds;
  for (const auto& [name, numbers] : object.items()) {
    if (!numbers.is_array() || numbers.size() != 4) return {};
    double found[4];
    for (size_t i = 0; i < 4; ++i) {
      if (!numbers[i].is_number()) return {};
      found[i] = numbers[i].get<double>();
      if (!(found[i] >= 0 && found[i] < 1)) return {};
    }
    speeds[name] = {found[0], found[1], found[2], found[3]};
  }
  return speeds;
}

json to_json(const KernelSpeeds& speeds) {
  json object = json::object();
  for (const auto& [name, s] : speeds) {
    object[name] = {s.product, s.adapter, s.unpacked, s.byte};
  }
  return object;
}

const json& at_or_null(const json& object, const std::string& key) {
  static const json null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

}  // namespace

std::string weight_kind(const models::Model& model) {
  // That of the model's body, which has most of the work.
  auto parts = const_cast<models::Model&>(model).parts();
  const std::vector<models::LinearPart> linears = models::linears_of(parts);
  std::string kind(io::dtype_name(model.dtype()));
  if (linears.empty()) return kind;
  const ops::Weight& w = linears.front().weight();
  if (!w.quantized()) return fmt::format("{}, {}", kind, io::dtype_name(w.weight.dtype()));
  return fmt::format("{}, {}", kind, quantization_text(w.mode, w.bits, w.group_size));
}

KernelSpeeds machine_speeds(const models::Model& model, const fs::path& file) {
  const std::string machine = machine_kind(), kind = weight_kind(model);
  if (const auto known = speeds_of(at_or_null(at_or_null(read_cache(file), machine), kind))) {
    return *known;
  }
  const KernelSpeeds measured = measure_kernels(model);
  json cache = read_cache(file);  // as it is now: others may have written meanwhile
  if (!at_or_null(cache, machine).is_object()) cache[machine] = json::object();
  cache[machine][kind] = to_json(measured);
  try {
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    write_text(file, cache.dump(1) + "\n");
  } catch (const Error&) {
  }
  return measured;
}

}  // namespace graft::plan
