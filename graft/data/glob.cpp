#include "graft/data/glob.h"

#include <optional>

namespace graft::data {
namespace {

// One element of a pattern other than `*`: how long it is, and whether it stands for this byte.
struct Element {
  size_t length;
  bool matches;
};

// "[...]"; nothing if it has no end.
std::optional<Element> set_at(std::string_view pattern, char byte) {
  size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  const size_t first = at;
  bool found = false;
  while (at < pattern.size() && (pattern[at] != ']' || at == first)) {
    const auto low = static_cast<unsigned char>(pattern[at]);
    auto high = low;
    const bool range = at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']';
    if (range) high = static_cast<unsigned char>(pattern[at + 2]);
    const auto own = static_cast<unsigned char>(byte);
    found = found || (low <= own && own <= high);
    at += range ? 3 : 1;
  }
  if (at >= pattern.size()) return {};
  return Element{at + 1, found != negated};
}

Element element_at(std::string_view pattern, char byte, GlobScope scope) {
  const bool is_end_of_folder = byte == '/' && scope == GlobScope::within_folders;
  if (pattern[0] == '?') return {1, !is_end_of_folder};
  if (pattern[0] == '[') {
    if (const auto set = set_at(pattern, byte)) {
      return {set->length, set->matches && !is_end_of_folder};
    }
  }
  if (pattern[0] == '\\' && pattern.size() > 1) return {2, pattern[1] == byte};
  return {1, pattern[0] == byte};
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view name, GlobScope scope) {
  // Of several `*` only the last one has to give way: those before it took the least they can, and
  // what ends a folder ends them at the same place.
  std::optional<size_t> behind_star;
  size_t taken = 0;  // by it: up to here
  size_t p = 0, n = 0;
  while (n < name.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      behind_star = ++p;
      taken = n;
      continue;
    }
    if (p < pattern.size() && n < name.size()) {
      const Element element = element_at(pattern.substr(p), name[n], scope);
      if (element.matches) {
        p += element.length;
        ++n;
        continue;
      }
    }
    const bool gives_way = behind_star && taken < name.size() &&
                           (name[taken] != '/' || scope == GlobScope::through_folders);
    if (!gives_way) return false;
    p = *behind_star;
    n = ++taken;
  }
  return true;
}

}  // namespace graft::data
