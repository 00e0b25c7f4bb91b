#include "graft/regex/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>

#include "graft/base/error.h"

namespace graft::regex {
namespace {

// Names have some fifty characters: beyond this many steps an expression never ends.
constexpr uint32_t kMostSteps = 1'000'000;
constexpr uint32_t kMostHeapKiB = 16 << 10;
constexpr size_t kLongestPattern = 16 << 10;
constexpr size_t kMostPatternBytes = 1 << 20;  // compiled

}  // namespace

class NamePattern::Compiled {
 public:
  Compiled(std::string_view pattern, std::string where)
      : pattern_(pattern.substr(0, 60)), where_(std::move(where)) {
    if (pattern.size() > kLongestPattern) refuse("it is too long");
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset,
                              nullptr));
    if (!code_) refuse(fmt::format("{} at byte {}", message_of_code(error), offset));
    size_t size = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &size);
    if (size > kMostPatternBytes) refuse("it is too large");
    data_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    if (!data_ || !context_) throw std::bad_alloc();
    pcre2_set_match_limit(context_.get(), kMostSteps);
    pcre2_set_heap_limit(context_.get(), kMostHeapKiB);
  }

  bool matches(std::string_view name) const {
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(name.data()),
                                  name.size(), 0, 0, data_.get(), context_.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) {
      refuse(fmt::format(
          "on \"{}\" it {}", name,
          found == PCRE2_ERROR_MATCHLIMIT ? "takes too long" : "fails: " + message_of_code(found)));
    }
    return true;
  }

 private:
  struct Free {
    void operator()(pcre2_code* p) const { pcre2_code_free(p); }
    void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
    void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  };

  static std::string message_of_code(int error) {
    char buffer[256];
    const int size =
        pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(buffer), sizeof buffer);
    return size < 0 ? fmt::format("error {}", error)
                    : std::string(buffer, static_cast<size_t>(size));
  }

  [[noreturn]] void refuse(const std::string& why) const {
    fail("{}: the regular expression \"{}\" cannot be used: {}", where_, pattern_, why);
  }

  std::string pattern_, where_;
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
};

NamePattern::NamePattern(std::string_view pattern, std::string where)
    : compiled_(std::make_shared<Compiled>(pattern, std::move(where))) {}

bool NamePattern::matches(std::string_view name) const { return compiled_->matches(name); }

}  // namespace graft::regex
