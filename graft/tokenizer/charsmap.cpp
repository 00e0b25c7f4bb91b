#include "graft/tokenizer/charsmap.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/unicode/named_sets.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

using unicode::CodePointRange;

// The properties of a character that UAX #29 uses: Grapheme_Cluster_Break, Extended_Pictographic
// and Indic_Conjunct_Break in one. Regional indicators are `other`: whether two of them join
// affects neither the clusters of less than 6 bytes nor which character begins one.
enum class Break : uint8_t {
  other,
  control,
  extend,
  linker,  // extend that joins consonants
  zwnj,    // extend that does not stand between consonants
  zwj,
  spacing,
  prepend,
  pictograph,
  consonant,
  leading,        // Hangul L
  vowel,          // V
  trailing,       // T
  open_syllable,  // LV
  syllable,       // LVT
};

// Code points whose property in the reference differs from what the general category suggests
// (default_break): found by querying it, see scripts/fixtures/precompiled_cases.py. Its version of
// Unicode is 17.0.
// clang-format off
constexpr CodePointRange kOther[] = {
    {0x102B, 0x102C}, {0x1038, 0x1038}, {0x1062, 0x1064}, {0x1067, 0x106D}, {0x1083, 0x1083},
    {0x1087, 0x108C}, {0x108F, 0x108F}, {0x109A, 0x109C}, {0x1A61, 0x1A61}, {0x1A63, 0x1A64},
    {0xAA7B, 0xAA7B}, {0xAA7D, 0xAA7D}, {0x11720, 0x11721}};
constexpr CodePointRange kControl[] = {
    {0x2065, 0x2065}, {0xFFF0, 0xFFF8}, {0xE0000, 0xE0000}, {0xE0002, 0xE001F},
    {0xE0080, 0xE00FF}, {0xE01F0, 0xE0FFF}};
constexpr CodePointRange kExtend[] = {
    {0x9BE, 0x9BE}, {0x9D7, 0x9D7}, {0xB3E, 0xB3E}, {0xB57, 0xB57}, {0xBBE, 0xBBE},
    {0xBD7, 0xBD7}, {0xCC0, 0xCC0}, {0xCC2, 0xCC2}, {0xCC7, 0xCC8}, {0xCCA, 0xCCB},
    {0xCD5, 0xCD6}, {0xD3E, 0xD3E}, {0xD57, 0xD57}, {0xDCF, 0xDCF}, {0xDDF, 0xDDF},
    {0x1715, 0x1715}, {0x1734, 0x1734}, {0x1ACF, 0x1ADD}, {0x1AE0, 0x1AEB}, {0x1B35, 0x1B35},
    {0x1B3B, 0x1B3B}, {0x1B3D, 0x1B3D}, {0x1B43, 0x1B43}, {0x1BAA, 0x1BAA}, {0x1BF2, 0x1BF3},
    {0x302E, 0x302F}, {0xA953, 0xA953}, {0xFF9E, 0xFF9F}, {0x10EFA, 0x10EFB},
    {0x111C0, 0x111C0}, {0x11235, 0x11235}, {0x1133E, 0x1133E}, {0x1134D, 0x1134D},
    {0x11357, 0x11357}, {0x113B8, 0x113B8}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
    {0x113C7, 0x113C9}, {0x113CF, 0x113CF}, {0x114B0, 0x114B0}, {0x114BD, 0x114BD},
    {0x115AF, 0x115AF}, {0x116B6, 0x116B6}, {0x11930, 0x11930}, {0x1193D, 0x1193D},
    {0x11B60, 0x11B60}, {0x11B62, 0x11B64}, {0x11B66, 0x11B66}, {0x11F41, 0x11F41},
    {0x16FF0, 0x16FF1}, {0x1D165, 0x1D166}, {0x1D16D, 0x1D172}, {0x1E6E3, 0x1E6E3},
    {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5}, {0x1F3FB, 0x1F3FF},
    {0xE0020, 0xE007F}};
constexpr CodePointRange kLinker[] = {
    {0x94D, 0x94D}, {0x9CD, 0x9CD}, {0xACD, 0xACD}, {0xB4D, 0xB4D}, {0xC4D, 0xC4D},
    {0xD4D, 0xD4D}, {0x1039, 0x1039}, {0x17D2, 0x17D2}, {0x1A60, 0x1A60}, {0x1B44, 0x1B44},
    {0x1BAB, 0x1BAB}, {0xA9C0, 0xA9C0}, {0xAAF6, 0xAAF6}, {0x10A3F, 0x10A3F},
    {0x11133, 0x11133}, {0x113D0, 0x113D0}, {0x1193E, 0x1193E}, {0x11A47, 0x11A47},
    {0x11A99, 0x11A99}, {0x11F42, 0x11F42}};
constexpr CodePointRange kSpacing[] = {
    {0xE33, 0xE33}, {0xEB3, 0xEB3}, {0x11B61, 0x11B61}, {0x11B65, 0x11B65}, {0x11B67, 0x11B67}};
constexpr CodePointRange kPrepend[] = {
    {0x600, 0x605}, {0x6DD, 0x6DD}, {0x70F, 0x70F}, {0x890, 0x891}, {0x8E2, 0x8E2},
    {0xD4E, 0xD4E}, {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x111C2, 0x111C3},
    {0x113D1, 0x113D1}, {0x1193F, 0x1193F}, {0x11941, 0x11941}, {0x11A84, 0x11A89},
    {0x11D46, 0x11D46}, {0x11F02, 0x11F02}};
constexpr CodePointRange kPictograph[] = {
    {0xA9, 0xA9}, {0xAE, 0xAE}, {0x203C, 0x203C}, {0x2049, 0x2049}, {0x2122, 0x2122},
    {0x2139, 0x2139}, {0x2194, 0x2199}, {0x21A9, 0x21AA}, {0x231A, 0x231B}, {0x2328, 0x2328},
    {0x23CF, 0x23CF}, {0x23E9, 0x23F3}, {0x23F8, 0x23FA}, {0x24C2, 0x24C2}, {0x25AA, 0x25AB},
    {0x25B6, 0x25B6}, {0x25C0, 0x25C0}, {0x25FB, 0x25FE}, {0x2600, 0x2604}, {0x260E, 0x260E},
    {0x2611, 0x2611}, {0x2614, 0x2615}, {0x2618, 0x2618}, {0x261D, 0x261D}, {0x2620, 0x2620},
    {0x2622, 0x2623}, {0x2626, 0x2626}, {0x262A, 0x262A}, {0x262E, 0x262F}, {0x2638, 0x263A},
    {0x2640, 0x2640}, {0x2642, 0x2642}, {0x2648, 0x2653}, {0x265F, 0x2660}, {0x2663, 0x2663},
    {0x2665, 0x2666}, {0x2668, 0x2668}, {0x267B, 0x267B}, {0x267E, 0x267F}, {0x2692, 0x2697},
    {0x2699, 0x2699}, {0x269B, 0x269C}, {0x26A0, 0x26A1}, {0x26A7, 0x26A7}, {0x26AA, 0x26AB},
    {0x26B0, 0x26B1}, {0x26BD, 0x26BE}, {0x26C4, 0x26C5}, {0x26C8, 0x26C8}, {0x26CE, 0x26CF},
    {0x26D1, 0x26D1}, {0x26D3, 0x26D4}, {0x26E9, 0x26EA}, {0x26F0, 0x26F5}, {0x26F7, 0x26FA},
    {0x26FD, 0x26FD}, {0x2702, 0x2702}, {0x2705, 0x2705}, {0x2708, 0x270D}, {0x270F, 0x270F},
    {0x2712, 0x2712}, {0x2714, 0x2714}, {0x2716, 0x2716}, {0x271D, 0x271D}, {0x2721, 0x2721},
    {0x2728, 0x2728}, {0x2733, 0x2734}, {0x2744, 0x2744}, {0x2747, 0x2747}, {0x274C, 0x274C},
    {0x274E, 0x274E}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2763, 0x2764}, {0x2795, 0x2797},
    {0x27A1, 0x27A1}, {0x27B0, 0x27B0}, {0x27BF, 0x27BF}, {0x2934, 0x2935}, {0x2B05, 0x2B07},
    {0x2B1B, 0x2B1C}, {0x2B50, 0x2B50}, {0x2B55, 0x2B55}, {0x3030, 0x3030}, {0x303D, 0x303D},
    {0x3297, 0x3297}, {0x3299, 0x3299}, {0x1F004, 0x1F004}, {0x1F02C, 0x1F02F},
    {0x1F094, 0x1F09F}, {0x1F0AF, 0x1F0B0}, {0x1F0C0, 0x1F0C0}, {0x1F0CF, 0x1F0D0},
    {0x1F0F6, 0x1F0FF}, {0x1F170, 0x1F171}, {0x1F17E, 0x1F17F}, {0x1F18E, 0x1F18E},
    {0x1F191, 0x1F19A}, {0x1F1AE, 0x1F1E5}, {0x1F201, 0x1F20F}, {0x1F21A, 0x1F21A},
    {0x1F22F, 0x1F22F}, {0x1F232, 0x1F23A}, {0x1F23C, 0x1F23F}, {0x1F249, 0x1F25F},
    {0x1F266, 0x1F321}, {0x1F324, 0x1F393}, {0x1F396, 0x1F397}, {0x1F399, 0x1F39B},
    {0x1F39E, 0x1F3F0}, {0x1F3F3, 0x1F3F5}, {0x1F3F7, 0x1F3FA}, {0x1F400, 0x1F4FD},
    {0x1F4FF, 0x1F53D}, {0x1F549, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F56F, 0x1F570},
    {0x1F573, 0x1F57A}, {0x1F587, 0x1F587}, {0x1F58A, 0x1F58D}, {0x1F590, 0x1F590},
    {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A5}, {0x1F5A8, 0x1F5A8}, {0x1F5B1, 0x1F5B2},
    {0x1F5BC, 0x1F5BC}, {0x1F5C2, 0x1F5C4}, {0x1F5D1, 0x1F5D3}, {0x1F5DC, 0x1F5DE},
    {0x1F5E1, 0x1F5E1}, {0x1F5E3, 0x1F5E3}, {0x1F5E8, 0x1F5E8}, {0x1F5EF, 0x1F5EF},
    {0x1F5F3, 0x1F5F3}, {0x1F5FA, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CB, 0x1F6D2},
    {0x1F6D5, 0x1F6E5}, {0x1F6E9, 0x1F6E9}, {0x1F6EB, 0x1F6F0}, {0x1F6F3, 0x1F6FF},
    {0x1F7DA, 0x1F7FF}, {0x1F80C, 0x1F80F}, {0x1F848, 0x1F84F}, {0x1F85A, 0x1F85F},
    {0x1F888, 0x1F88F}, {0x1F8AE, 0x1F8AF}, {0x1F8BC, 0x1F8BF}, {0x1F8C2, 0x1F8CF},
    {0x1F8D9, 0x1F8FF}, {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF},
    {0x1FA58, 0x1FA5F}, {0x1FA6E, 0x1FAFF}, {0x1FC00, 0x1FFFD}};
constexpr CodePointRange kConsonant[] = {
    {0x915, 0x939}, {0x958, 0x95F}, {0x978, 0x97F}, {0x995, 0x9A8}, {0x9AA, 0x9B0},
    {0x9B2, 0x9B2}, {0x9B6, 0x9B9}, {0x9DC, 0x9DD}, {0x9DF, 0x9DF}, {0x9F0, 0x9F1},
    {0xA95, 0xAA8}, {0xAAA, 0xAB0}, {0xAB2, 0xAB3}, {0xAB5, 0xAB9}, {0xAF9, 0xAF9},
    {0xB15, 0xB28}, {0xB2A, 0xB30}, {0xB32, 0xB33}, {0xB35, 0xB39}, {0xB5C, 0xB5D},
    {0xB5F, 0xB5F}, {0xB71, 0xB71}, {0xC15, 0xC28}, {0xC2A, 0xC39}, {0xC58, 0xC5A},
    {0xD15, 0xD3A}, {0x1000, 0x102A}, {0x103F, 0x103F}, {0x1050, 0x1055}, {0x105A, 0x105D},
    {0x1061, 0x1061}, {0x1065, 0x1066}, {0x106E, 0x1070}, {0x1075, 0x1081}, {0x108E, 0x108E},
    {0x1780, 0x17B3}, {0x1A20, 0x1A54}, {0x1B0B, 0x1B0C}, {0x1B13, 0x1B33}, {0x1B45, 0x1B4C},
    {0x1B83, 0x1BA0}, {0x1BAE, 0x1BAF}, {0x1BBB, 0x1BBD}, {0xA989, 0xA98B}, {0xA98F, 0xA9B2},
    {0xA9E0, 0xA9E4}, {0xA9E7, 0xA9EF}, {0xA9FA, 0xA9FE}, {0xAA60, 0xAA6F}, {0xAA71, 0xAA73},
    {0xAA7A, 0xAA7A}, {0xAA7E, 0xAA7F}, {0xAAE0, 0xAAEA}, {0xABC0, 0xABDA}, {0x10A00, 0x10A00},
    {0x10A10, 0x10A13}, {0x10A15, 0x10A17}, {0x10A19, 0x10A35}, {0x11103, 0x11126},
    {0x11144, 0x11144}, {0x11147, 0x11147}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x11900, 0x11906}, {0x11909, 0x11909},
    {0x1190C, 0x11913}, {0x11915, 0x11916}, {0x11918, 0x1192F}, {0x11A00, 0x11A00},
    {0x11A0B, 0x11A32}, {0x11A50, 0x11A50}, {0x11A5C, 0x11A83}, {0x11F04, 0x11F10},
    {0x11F12, 0x11F33}};
constexpr CodePointRange kLeading[] = {
    {0x1100, 0x115F}, {0xA960, 0xA97C}};
constexpr CodePointRange kVowel[] = {
    {0x1160, 0x11A7}, {0xD7B0, 0xD7C6}, {0x16D63, 0x16D63}, {0x16D67, 0x16D6A}};
constexpr CodePointRange kTrailing[] = {
    {0x11A8, 0x11FF}, {0xD7CB, 0xD7FB}};
// clang-format on

constexpr uint32_t kTags = 0xE0000, kTagCount = 0x1000;

Break default_break(unicode::Category category) {
  using unicode::Category;
  switch (category) {
    case Category::Mn:
    case Category::Me:
      return Break::extend;
    case Category::Mc:
      return Break::spacing;
    case Category::Zl:
    case Category::Zp:
    case Category::Cc:
    case Category::Cf:
    case Category::control_space:
      return Break::control;
    default:
      return Break::other;
  }
}

// The breaks of the code points below unicode::kDirectLimit, then of the tags; all others are
// `other`.
class BreakTable {
 public:
  BreakTable() : breaks_(unicode::kDirectLimit + kTagCount) {
    set_defaults({0, unicode::kDirectLimit - 1});
    set_defaults({kTags, kTags + kTagCount - 1});
    set(kOther, Break::other);
    set(kControl, Break::control);
    set(kExtend, Break::extend);
    set(kLinker, Break::linker);
    set(kSpacing, Break::spacing);
    set(kPrepend, Break::prepend);
    set(kPictograph, Break::pictograph);
    set(kConsonant, Break::consonant);
    set(kLeading, Break::leading);
    set(kVowel, Break::vowel);
    set(kTrailing, Break::trailing);
    breaks_[0x200C] = Break::zwnj;
    breaks_[0x200D] = Break::zwj;
    for (uint32_t c = 0xAC00; c <= 0xD7A3; ++c) {
      breaks_[c] = (c - 0xAC00) % 28 == 0 ? Break::open_syllable : Break::syllable;
    }
  }

  Break operator[](uint32_t c) const {
    if (c < unicode::kDirectLimit) return breaks_[c];
    return c - kTags < kTagCount ? breaks_[index(c)] : Break::other;
  }

 private:
  static size_t index(uint32_t c) { return c < kTags ? c : c - kTags + unicode::kDirectLimit; }

  void set_defaults(CodePointRange range) {
    for (uint32_t c = range.first; c <= range.last; ++c) {
      breaks_[index(c)] = default_break(unicode::properties_of(c).category());
    }
  }

  template <size_t N>
  void set(const CodePointRange (&ranges)[N], Break value) {
    for (const CodePointRange& range : ranges) {
      std::fill(breaks_.begin() + static_cast<std::ptrdiff_t>(index(range.first)),
                breaks_.begin() + static_cast<std::ptrdiff_t>(index(range.last) + 1), value);
    }
  }

  std::vector<Break> breaks_;
};

const BreakTable& break_table() {
  static const BreakTable table;
  return table;
}

bool is_extend(Break value) {
  return value == Break::extend || value == Break::linker || value == Break::zwnj;
}

// The state of a grapheme cluster that decides whether the next character belongs to it.
class Cluster {
 public:
  explicit Cluster(Break first) { add(first); }

  // The rules GB3 to GB11, without GB3 (CR LF).
  bool continues_with(Break next) const {
    if (last_ == Break::control || next == Break::control) return false;
    if (is_extend(next) || next == Break::zwj || next == Break::spacing) return true;
    if (last_ == Break::prepend) return true;
    switch (next) {
      case Break::leading:
      case Break::open_syllable:
      case Break::syllable:
        return last_ == Break::leading;
      case Break::vowel:
        return last_ == Break::leading || last_ == Break::vowel || last_ == Break::open_syllable;
      case Break::trailing:
        return last_ == Break::vowel || last_ == Break::trailing || last_ == Break::open_syllable ||
               last_ == Break::syllable;
      case Break::consonant:
        return conjunct_ == Conjunct::linked;
      case Break::pictograph:
        return emoji_ == Emoji::joined;
      default:
        return false;
    }
  }

  void add(Break next) {
    last_ = next;
    if (next == Break::pictograph) {
      emoji_ = Emoji::pictograph;
    } else if (emoji_ != Emoji::pictograph || !is_extend(next)) {
      bool joined = emoji_ == Emoji::pictograph && next == Break::zwj;
      emoji_ = joined ? Emoji::joined : Emoji::none;
    }
    if (next == Break::consonant) {
      conjunct_ = Conjunct::consonant;
    } else if (next == Break::linker) {
      if (conjunct_ == Conjunct::consonant) conjunct_ = Conjunct::linked;
    } else if (next != Break::extend && next != Break::zwj) {
      conjunct_ = Conjunct::none;
    }
  }

 private:
  enum class Emoji { none, pictograph, joined };    // the latter with a zero-width joiner
  enum class Conjunct { none, consonant, linked };  // the latter with a linker

  Break last_ = Break::other;
  Emoji emoji_ = Emoji::none;
  Conjunct conjunct_ = Conjunct::none;
};

// Bytes of the grapheme cluster that `text` begins with.
size_t cluster_size(const BreakTable& breaks, std::string_view text) {
  if (text.starts_with("\r\n")) return 2;
  unicode::CodePoint c = unicode::decode(text.data());
  Cluster cluster(breaks[c.value]);
  size_t size = c.size;
  while (size < text.size()) {
    c = unicode::decode(text.data() + size);
    Break next = breaks[c.value];
    if (!cluster.continues_with(next)) break;
    cluster.add(next);
    size += c.size;
  }
  return size;
}

// A unit of the trie: a node (its label, whether it has a value, and the offset to xor with its
// place to find its children) or a value (the highest bit is set).
struct Unit {
  uint32_t bits;

  bool is_value() const { return bits >> 31 != 0; }
  uint32_t value() const { return bits & 0x7FFFFFFF; }
  uint32_t label() const { return bits & 0x800000FF; }
  bool has_value() const { return (bits >> 8 & 1) != 0; }
  uint32_t offset() const { return bits >> 10 << ((bits >> 9 & 1) * 8); }
};

constexpr size_t kHeader = 4;
constexpr size_t kBlock = 256;       // units: the children of a node are in one of these
constexpr size_t kShortCluster = 6;  // bytes: clusters from this size on go by characters

// What happens to each character, as the reference counts it.
struct ChangeList {
  void keep(std::string_view part) {
    for (size_t i = 0; i < part.size(); i += list.back().size) {
      list.push_back({static_cast<uint32_t>(unicode::sequence_size(part[i])), 1});
    }
  }

  // Each new character takes an old one. Old characters that remain are taken by the last one, even
  // if it comes from an earlier part; there may be none.
  void replace(std::string_view part, std::string_view by) {
    const size_t before = list.size();
    keep(by);
    uint32_t old_count = 0;
    for (size_t i = 0; i < part.size(); i += unicode::sequence_size(part[i])) ++old_count;
    for (size_t i = before + old_count; i < list.size(); ++i) list[i].taken = 0;
    const size_t new_count = list.size() - before;
    if (new_count < old_count && !list.empty()) {
      list.back().taken += old_count - static_cast<uint32_t>(new_count);
    }
  }

  std::vector<CharacterChange> list;
};

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

Charsmap::Charsmap(std::string_view charsmap, const std::string& where) {
  if (charsmap.size() < kHeader) fail("{}: has {} bytes and no trie", where, charsmap.size());
  const size_t size = little_endian(charsmap);
  charsmap.remove_prefix(kHeader);
  if (size == 0 || size % (kBlock * sizeof(uint32_t)) != 0 || size > charsmap.size()) {
    fail("{}: expected a trie of at most {} bytes, in blocks of 1024, found {}", where,
         charsmap.size(), size);
  }
  read_trie(charsmap.substr(0, size));
  replacements_ = charsmap.substr(size);
  check(where);
  for (char c = 0; c >= 0 && c < 127; ++c) {
    plain_[static_cast<size_t>(c)] = c != '\r' && !find({&c, 1});
  }
}

void Charsmap::read_trie(std::string_view bytes) {
  trie_.reserve(bytes.size() / sizeof(uint32_t));
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint32_t)) {
    trie_.push_back(little_endian(bytes.substr(i)));
  }
}

// Checks that no walk through the trie leaves it, and that every value is a place in the
// replacements.
void Charsmap::check(const std::string& where) const {
  if (unicode::valid_prefix(replacements_) != replacements_.size()) {
    fail("{}: the replacements are not valid UTF-8", where);
  }
  for (size_t i = 0; i < trie_.size(); ++i) {
    const Unit unit{trie_[i]};
    if (unit.is_value() && i > 0) continue;
    const size_t children = i ^ unit.offset();
    if (children >= trie_.size()) {
      fail("{}: unit {} of the trie leads out of it, to {}", where, i, children);
    }
    if (!unit.has_value()) continue;
    const size_t value = Unit{trie_[children]}.value();
    if (value > replacements_.size() ||
        (static_cast<unsigned char>(replacements_[value]) & 0xC0) == 0x80) {
      fail("{}: unit {} of the trie is mapped to {}, where no replacement begins", where, i, value);
    }
  }
}

void Charsmap::apply(std::string_view text, std::string& out, Origins* origins) const {
  const BreakTable& breaks = break_table();
  const std::string_view whole = text;
  ChangeList changes;
  auto replace = [&](std::string_view part) {
    const std::optional<std::string_view> by = replacement(part);
    if (!by) return false;
    out += *by;
    if (origins != nullptr) changes.replace(part, *by);
    return true;
  };
  auto keep = [&](std::string_view part) {
    out += part;
    if (origins != nullptr) changes.keep(part);
  };
  while (!text.empty()) {
    const size_t plain = plain_size(text);
    keep(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    std::string_view cluster = text.substr(0, cluster_size(breaks, text));
    text.remove_prefix(cluster.size());
    if (cluster.size() < kShortCluster && replace(cluster)) continue;
    while (!cluster.empty()) {
      std::string_view character = cluster.substr(0, unicode::sequence_size(cluster.front()));
      if (!replace(character)) keep(character);
      cluster.remove_prefix(character.size());
    }
  }
  if (origins != nullptr) append_origins(changes.list, whole, *origins);
}

// Bytes at the start of `text` that stay as they are. A character may be joined by the next one, so
// the last one is followed by one that never joins.
size_t Charsmap::plain_size(std::string_view text) const {
  size_t size = 0;
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  while (size < text.size() && plain_[at(size)]) ++size;
  if (size > 0 && size < text.size() && at(size) >= 0x80) --size;
  return size;
}

// Where the replacement of the shortest mapped prefix of `part` begins.
std::optional<size_t> Charsmap::find(std::string_view part) const {
  uint32_t place = Unit{trie_[0]}.offset();
  for (char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;  // the reference looks no further
    place ^= byte;
    const Unit unit{trie_[place]};
    if (unit.label() != byte) break;
    place ^= unit.offset();
    if (unit.has_value()) return Unit{trie_[place]}.value();
  }
  return std::nullopt;
}

// What `part` is replaced by; nothing if no prefix of it is mapped.
std::optional<std::string_view> Charsmap::replacement(std::string_view part) const {
  const std::optional<size_t> begin = find(part);
  if (!begin) return {};
  const size_t end = std::min(replacements_.find('\0', *begin), replacements_.size());
  return std::string_view(replacements_).substr(*begin, end - *begin);
}

}  // namespace graft::tokenizer
