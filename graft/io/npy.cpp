#include "graft/io/npy.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
constexpr size_t kNpyAlignment = 64;

// Types by the array protocol's name, without the byte order.
constexpr std::array<std::pair<std::string_view, mx::Dtype>, 14> kNpyTypes{{
    {"b1", mx::bool_},
    {"u1", mx::uint8},
    {"u2", mx::uint16},
    {"u4", mx::uint32},
    {"u8", mx::uint64},
    {"i1", mx::int8},
    {"i2", mx::int16},
    {"i4", mx::int32},
    {"i8", mx::int64},
    {"f2", mx::float16},
    {"f4", mx::float32},
    {"f8", mx::float64},
    {"V2", mx::bfloat16},
    {"c8", mx::complex64},
}};

std::optional<mx::Dtype> dtype_from_descr(std::string_view descr) {
  if (descr.size() != 3) return std::nullopt;
  for (const auto& [name, dtype] : kNpyTypes) {
    bool order_known = descr[0] == '<' || ((descr[0] == '|' || descr[0] == '=') &&
                                           (dtype.size() == 1 || dtype.val() == mx::bfloat16));
    if (descr.substr(1) == name && order_known) return dtype;
  }
  return std::nullopt;
}

// The header is a Python dictionary of a string, a truth value and a tuple of numbers.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      std::string_view key = string();
      expect(':');
      if (key == "descr" && !descr) {
        header.dtype = dtype();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran_order = truth();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = tuple();
        shape = true;
      } else {
        refuse(fmt::format("the key {}", in_quotes(key)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) refuse("text behind the dictionary");
    if (!descr || !order || !shape) refuse("not all of descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void refuse(const std::string& found) const {
    fail("{}: its .npy header has {} (at character {}), which is not understood", what_, found,
         at_);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) refuse(fmt::format("no '{}'", c));
  }

  std::string_view string() {
    skip_space();
    char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') refuse("no string");
    size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) refuse("a string without end");
    std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }

  mx::Dtype dtype() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') refuse("a structured type");
    std::string_view descr = string();
    auto dtype = dtype_from_descr(descr);
    if (!dtype) refuse(fmt::format("the type {}", in_quotes(descr)));
    return *dtype;
  }

  bool truth() {
    skip_space();
    for (bool value : {true, false}) {
      std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    refuse("neither True nor False");
  }

  mx::Shape tuple() {
    mx::Shape shape;
    expect('(');
    while (!accept(')')) {
      skip_space();
      size_t start = at_;
      int64_t value = 0;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        value = value * 10 + (text_[at_++] - '0');
        if (value > INT32_MAX) refuse("a dimension larger than MLX can hold");
      }
      if (at_ == start) refuse("a dimension that is no number");
      shape.push_back(static_cast<mx::ShapeElem>(value));
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  std::string_view text_;
  const std::string& what_;
  size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view bytes, const std::string& what) {
  constexpr size_t kFixed = 8;  // magic and version
  if (bytes.size() < kFixed + 4 || !bytes.starts_with(kNpyMagic))
    fail("{} is not a .npy file", what);
  int major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3) fail("{}: .npy version {} is not known", what, major);
  size_t length_bytes = major == 1 ? 2 : 4;
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + kFixed, length_bytes);
  size_t start = kFixed + length_bytes;
  if (length > bytes.size() - start) {
    fail("{}: a .npy header of {} bytes does not fit in the {} that are there", what, length,
         bytes.size() - start);
  }
  NpyHeader header = HeaderParser(bytes.substr(start, length), what).parse();
  auto data_bytes = checked_bytes(header.shape, header.dtype);
  if (!data_bytes) {
    fail("{}: an array of shape {} is too large", what, shape_text(header.shape));
  }
  header.data_offset = start + length;
  header.data_bytes = *data_bytes;
  return header;
}

std::string npy_header(mx::Dtype dtype, const mx::Shape& shape) {
  auto known = std::find_if(kNpyTypes.begin(), kNpyTypes.end(),
                            [&](const auto& type) { return type.second.val() == dtype.val(); });
  if (known == kNpyTypes.end()) throw std::logic_error(".npy has no name for this type");
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': (",
                                 dtype.size() == 1 ? '|' : '<', known->first);
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i ? ", " : "", shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  size_t unpadded = kNpyMagic.size() + 4 + text.size() + 1;
  text.append((kNpyAlignment - unpadded % kNpyAlignment) % kNpyAlignment, ' ');
  text += '\n';
  auto length = static_cast<uint16_t>(text.size());
  std::string header(kNpyMagic);
  header += {'\x01', '\x00', static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
  return header + text;
}

}  // namespace graft::io
