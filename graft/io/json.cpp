#include "graft/io/json.h"

#include <set>
#include <vector>

#include "graft/base/error.h"

namespace graft::io {
namespace {

template <class Json>
Json parse(std::string_view text, const std::string& what, const JsonLimits& limits) {
  std::vector<std::set<std::string>> keys;
  using Event = typename Json::parse_event_t;
  auto watch = [&](int depth, Event event, Json& value) {
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= limits.depth) fail("{}: JSON nested deeper than {} levels", what, limits.depth);
    }
    if (!limits.refuse_duplicates) return true;
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = value.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second)
        fail("{}: the key {} appears twice", what, in_quotes(key));
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const typename Json::parse_error& error) {
    fail("{}: not valid JSON at byte {}: perhaps an incomplete download? ({})", what, error.byte,
         error.what());
  } catch (const typename Json::exception& error) {
    fail("{}: not valid JSON ({})", what, error.what());
  }
}

template <class Json>
Json read_object(const fs::path& path) {
  Json value = parse<Json>(read_text(path), path.string(), {});
  if (!value.is_object()) {
    fail("{}: expected a JSON object, found {}", path.string(), value.type_name());
  }
  return value;
}

}  // namespace

json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  return parse<json>(text, what, limits);
}

ordered_json parse_ordered_json(std::string_view text, const std::string& what,
                                const JsonLimits& limits) {
  return parse<ordered_json>(text, what, limits);
}

json read_json_object(const fs::path& path) { return read_object<json>(path); }

ordered_json read_ordered_json_object(const fs::path& path) {
  return read_object<ordered_json>(path);
}

std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kMost = 200;
  std::string shown =
      json(text.substr(0, kMost)).dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() > kMost ? shown + "..." : shown;
}

std::string python_json(const ordered_json& value) { return value.dump(4, ' ', true); }

}  // namespace graft::io
