#include <string>
#include <utility>

#include "graft/unicode/code_point_set.h"

namespace graft::unicode {
namespace {

struct NamedCategories {
  std::string_view short_name, long_name;
  CategorySet categories;
};

constexpr CategorySet kControls = set_of({Category::Cc, Category::control_space});
constexpr CategorySet kCased = set_of({Category::Lu, Category::Ll, Category::Lt});

// PropertyValueAliases.txt, in the spelling that `plain` makes.
constexpr NamedCategories kCategories[] = {
    {"l", "letter", kLetters},
    {"lc", "casedletter", kCased},
    {"lu", "uppercaseletter", set_of({Category::Lu})},
    {"ll", "lowercaseletter", set_of({Category::Ll})},
    {"lt", "titlecaseletter", set_of({Category::Lt})},
    {"lm", "modifierletter", set_of({Category::Lm})},
    {"lo", "otherletter", set_of({Category::Lo})},
    {"m", "mark", kMarks},
    {"mn", "nonspacingmark", set_of({Category::Mn})},
    {"mc", "spacingmark", set_of({Category::Mc})},
    {"me", "enclosingmark", set_of({Category::Me})},
    {"n", "number", kNumbers},
    {"nd", "decimalnumber", set_of({Category::Nd})},
    {"nl", "letternumber", set_of({Category::Nl})},
    {"no", "othernumber", set_of({Category::No})},
    {"p", "punctuation", kPunctuation},
    {"pc", "connectorpunctuation", set_of({Category::Pc})},
    {"pd", "dashpunctuation", set_of({Category::Pd})},
    {"ps", "openpunctuation", set_of({Category::Ps})},
    {"pe", "closepunctuation", set_of({Category::Pe})},
    {"pi", "initialpunctuation", set_of({Category::Pi})},
    {"pf", "finalpunctuation", set_of({Category::Pf})},
    {"po", "otherpunctuation", set_of({Category::Po})},
    {"s", "symbol", kSymbols},
    {"sm", "mathsymbol", set_of({Category::Sm})},
    {"sc", "currencysymbol", set_of({Category::Sc})},
    {"sk", "modifiersymbol", set_of({Category::Sk})},
    {"so", "othersymbol", set_of({Category::So})},
    {"z", "separator", set_of({Category::Zs, Category::Zl, Category::Zp})},
    {"zs", "spaceseparator", set_of({Category::Zs})},
    {"zl", "lineseparator", set_of({Category::Zl})},
    {"zp", "paragraphseparator", set_of({Category::Zp})},
    {"c", "other", kControls | set_of({Category::Cf, Category::Co, Category::Cn})},
    {"cc", "control", kControls},
    {"cf", "format", set_of({Category::Cf})},
    {"co", "privateuse", set_of({Category::Co})},
    {"cn", "unassigned", set_of({Category::Cn})},
    {"digit", "nd", set_of({Category::Nd})},
    {"space", "whitespace", kSpaces},
    {"punct", "punctuation", kPunctuation},
};

std::string plain(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

std::optional<CodePointSet> named_set(std::string_view name) {
  for (size_t i = 0; i < kNamedSetCount; ++i) {
    if (name != kNamedSets[i].name) continue;
    return CodePointSet({kNamedSets[i].ranges, kNamedSets[i].ranges + kNamedSets[i].count});
  }
  return std::nullopt;
}

}  // namespace

std::optional<CodePointSet> property_set(std::string_view name) {
  std::string wanted = plain(name);
  for (const NamedCategories& known : kCategories) {
    if (wanted == known.short_name || wanted == known.long_name) {
      return CodePointSet::of(known.categories);
    }
  }
  if (wanted == "any") return CodePointSet::all();
  if (wanted == "alpha") return named_set("alphabetic");
  if (wanted == "upper") return named_set("uppercase");
  if (wanted == "lower") return named_set("lowercase");
  if (wanted == "alnum") {
    return named_set("alphabetic")->united(CodePointSet::of(set_of({Category::Nd})));
  }
  return named_set(wanted);
}

}  // namespace graft::unicode
