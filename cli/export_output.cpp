#include "cli/export_output.h"

#include <fmt/format.h>

#include "cli/output.h"

namespace graft::cli {
namespace {

// "exact", or how far the numbers are from the model's.
std::string loss_text(const gguf::ExportedType& type) {
  if (type.exact == type.tensors) return "exact";
  std::string text = fmt::format("error {:.2g}% of the weights", 100 * type.error);
  if (type.exact > 0) text += fmt::format(" in {} of them, else exact", type.tensors - type.exact);
  return text;
}

}  // namespace

void print_exported(const gguf::ExportedFile& file, const fs::path& path) {
  print_out("Wrote {}: {} tensors, {:.1f} MB\n", path.string(), file.tensors,
            static_cast<double>(file.bytes) / 1e6);
  for (const gguf::ExportedType& type : file.types) {
    print_out("  {:<5} {:>4} matrices {:>10.1f} MB  {}\n", io::gguf_type_name(type.type),
              type.tensors, static_cast<double>(type.bytes) / 1e6, loss_text(type));
    if (type.fallbacks > 0) {
      print_out("        {} of them since K types want rows of a multiple of 256\n",
                type.fallbacks);
    }
  }
}

}  // namespace graft::cli
