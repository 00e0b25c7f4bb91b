#include "graft/jinja/filters.h"

#include <map>

#include "graft/jinja/item_filters.h"
#include "graft/jinja/number_filters.h"
#include "graft/jinja/text_filters.h"

namespace graft::jinja {

FilterFunction find_filter(std::string_view name) {
  static const std::map<std::string_view, FilterFunction> kFilters = {
      {"abs", filters::absolute},        {"attr", filters::attr},
      {"batch", filters::batch},         {"capitalize", filters::capitalize},
      {"center", filters::center},       {"count", filters::count},
      {"d", filters::otherwise},         {"default", filters::otherwise},
      {"dictsort", filters::dictsort},   {"e", filters::escaped},
      {"escape", filters::escaped},      {"first", filters::first},
      {"float", filters::to_real},       {"format", filters::format},
      {"groupby", filters::grouped},     {"indent", filters::indent},
      {"int", filters::to_integer},      {"items", filters::items},
      {"join", filters::join},           {"last", filters::last},
      {"length", filters::count},        {"list", filters::list},
      {"lower", filters::lower_case},    {"map", filters::mapped},
      {"max", filters::largest},         {"min", filters::smallest},
      {"reject", filters::reject},       {"rejectattr", filters::reject_attribute},
      {"replace", filters::replace},     {"reverse", filters::reversed},
      {"round", filters::rounded},       {"safe", filters::string},
      {"select", filters::select},       {"selectattr", filters::select_attribute},
      {"slice", filters::sliced},        {"sort", filters::sorted},
      {"string", filters::string},       {"sum", filters::sum},
      {"title", filters::title},         {"tojson", filters::json},
      {"trim", filters::trim},           {"truncate", filters::truncate},
      {"unique", filters::unique},       {"upper", filters::upper_case},
      {"wordcount", filters::wordcount},
  };
  const auto found = kFilters.find(name);
  return found == kFilters.end() ? nullptr : found->second;
}

}  // namespace graft::jinja
