#include "graft/report/readings.h"

#include <concepts>
#include <type_traits>

namespace graft::report {
namespace {

// Every field of a line, with its name, in the order of the file.
template <class Reading, class Visit>
requires std::same_as<std::remove_const_t<Reading>, TrainReading>
void each_field(Reading& r, Visit visit) {
  visit("step", r.step);
  visit("loss", r.loss);
  visit("learning_rate", r.learning_rate);
  visit("grad_norm", r.grad_norm);
  visit("tokens", r.tokens);
  visit("tokens_per_second", r.tokens_per_second);
  visit("memory", r.memory);
  visit("seconds", r.seconds);
  visit("skipped", r.skipped);
  visit("spikes", r.spikes);
}

template <class Reading, class Visit>
requires std::same_as<std::remove_const_t<Reading>, ValidationReading>
void each_field(Reading& r, Visit visit) {
  visit("step", r.step);
  visit("loss", r.loss);
  visit("seconds", r.seconds);
}

template <class Reading>
ordered_json object_of(const char* kind, const Reading& reading) {
  ordered_json object = {{"kind", kind}};
  each_field(reading, [&](const char* name, auto value) { object[name] = value; });
  return object;
}

bool read(const json& value, double& to) {
  if (value.is_number()) to = value.get<double>();
  return value.is_number() || value.is_null();
}

bool read(const json& value, int64_t& to) {
  constexpr uint64_t kMost = uint64_t{1} << 53;  // what the page's numbers can count to
  if (!value.is_number_unsigned() || value.get<uint64_t>() > kMost) return value.is_null();
  to = value.get<int64_t>();
  return true;
}

template <class Reading>
bool read_all(const json& object, Reading& reading) {
  const auto step = object.find("step");
  bool good = step != object.end() && !step->is_null();
  each_field(reading, [&](const char* name, auto& to) {
    const auto value = object.find(name);
    if (value != object.end()) good = read(*value, to) && good;
  });
  return good;
}

}  // namespace

ordered_json to_json(const TrainReading& reading) { return object_of("train", reading); }
ordered_json to_json(const ValidationReading& reading) { return object_of("validation", reading); }

bool read_reading(const json& object, TrainReading& reading) { return read_all(object, reading); }
bool read_reading(const json& object, ValidationReading& reading) {
  return read_all(object, reading);
}

}  // namespace graft::report
