#include "graft/lora/adapter_path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "graft/base/error.h"
#include "graft/lora/config_beside.h"

namespace graft::lora {
namespace {

// One with a file name of its own before those that have an extension alone.
constexpr const AdapterFormat* kFormats[] = {&kMlxLmAdapters, &kPeftAdapters, &kNpzAdapters,
                                             &kSafetensorsAdapters, &kGgufAdapters};

const AdapterFormat* format_named(const fs::path& file) {
  for (const AdapterFormat* format : kFormats) {
    if (file.filename() == format->file_name) return format;
  }
  for (const AdapterFormat* format : kFormats) {
    if (!format->extension.empty() && file.extension() == format->extension) return format;
  }
  return nullptr;
}

const AdapterFormat& format_by_name(const std::string& name) {
  for (const AdapterFormat* format : kFormats) {
    if (name == format->name) return *format;
  }
  fail_usage("`format` must be {}, found {}", known_formats(), name);
}

std::string listed(std::vector<std::string> all) {
  std::string text;
  for (size_t i = 0; i < all.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + all[i];
  }
  return text;
}

std::string known_extensions() {
  std::vector<std::string> all;
  for (const AdapterFormat* format : kFormats) {
    if (!format->extension.empty()) all.emplace_back(format->extension);
  }
  return listed(all);
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string known_file_names() {
  std::vector<std::string> names;
  for (const AdapterFormat* format : kFormats) {
    if (!format->file_name.empty()) names.emplace_back(format->file_name);
  }
  return listed(names);
}

constexpr const char* kPickle = "adapter_model.bin";
constexpr const char* kPickleIsRefused =
    "holds a pickle, which can run code when it is read: save the adapter as safetensors (PEFT "
    "does so by default)";

std::string only_adapter_among(const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const AdapterFormat* format : kFormats) {
    if (has(names, format->file_name)) found.emplace_back(format->file_name);
  }
  if (found.size() > 1) {
    fail("it holds several adapters, {}: name one, with ?file={} behind the repository",
         fmt::join(found, ", "), found.front());
  }
  if (found.size() == 1) return found.front();
  if (has(names, kPickle)) fail("its {} {}", kPickle, kPickleIsRefused);
  const auto other = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    const AdapterFormat* format = format_named(name);
    return format != nullptr && format != &kSafetensorsAdapters;
  });
  fail("it holds no adapter at its top: none of {}{}", known_file_names(),
       other == names.end() ? "" : fmt::format("; ?file={} names one that lies elsewhere", *other));
}

}  // namespace

std::string known_formats() {
  std::vector<std::string> all;
  for (const AdapterFormat* format : kFormats) all.emplace_back(format->name);
  return listed(all);
}

const AdapterFormat& format_of(const fs::path& file) {
  if (const AdapterFormat* format = format_named(file)) return *format;
  fail_usage("the adapter file {} must end in {}", file.string(), known_extensions());
}

bool is_adapter_path(const fs::path& path) {
  if (!is_folder(path)) return format_named(path) != nullptr;
  return std::any_of(std::begin(kFormats), std::end(kFormats), [&](const AdapterFormat* format) {
    return is_there(path / format->file_name);
  });
}

fs::path found_adapter(const fs::path& path) {
  if (!is_folder(path)) {
    format_of(path);
    if (!is_there(path)) fail("there is no adapter file {}", path.string());
    return path;
  }
  std::vector<fs::path> found;
  for (const AdapterFormat* format : kFormats) {
    if (is_there(path / format->file_name)) found.push_back(path / format->file_name);
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    fail("the folder {} holds several adapters, {} and {}: name the file", path.string(),
         found[0].filename().string(), found[1].filename().string());
  }
  if (is_there(path / kPickle)) fail("{} {}", (path / kPickle).string(), kPickleIsRefused);
  // A folder with one adapter by another name.
  for (const fs::path& file : entries_of(path)) {
    if (format_named(file) != nullptr && !file.filename().string().starts_with(".")) {
      found.push_back(file);
    }
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    fail("the folder {} holds several files that may be adapters, {} and {}: name one",
         path.string(), found[0].filename().string(), found[1].filename().string());
  }
  fail("the folder {} holds no adapter: none of {}", path.string(), known_file_names());
}

std::vector<std::string> adapter_files_among(const std::vector<std::string>& names,
                                             const std::string& file) {
  std::string found = file;
  if (!file.empty()) {
    if (!has(names, file)) fail("it holds no {}", file);
  } else {
    found = only_adapter_among(names);
  }
  if (!format_of(found).has_config) return {found};
  const std::string config = (fs::path(found).parent_path() / kAdapterConfig).generic_string();
  if (!has(names, config)) fail("it holds {} without {}", found, config);
  return {found, config};
}

fs::path adapter_to_write(const fs::path& path, const std::optional<std::string>& format) {
  const fs::path clean = without_trailing_slash(path);
  const AdapterFormat* wanted = format ? &format_by_name(*format) : nullptr;
  if (const AdapterFormat* named = format_named(clean)) {
    if (wanted == nullptr || wanted == named) return clean;
    fail_usage(
        "{} is a name for {}, not for {}: give {}", path.string(), named->name, wanted->name,
        wanted->extension.empty() ? "a folder" : fmt::format("a name in {}", wanted->extension));
  }
  if (!is_folder(clean) && clean.has_extension() && wanted == nullptr) format_of(clean);
  const AdapterFormat& chosen = wanted != nullptr ? *wanted : kMlxLmAdapters;
  return clean / chosen.file_name;
}

std::vector<fs::path> files_of_adapter(const fs::path& file) {
  std::vector<fs::path> files = {file};
  if (format_of(file).has_config && is_there(config_path(file))) files.push_back(config_path(file));
  return files;
}

}  // namespace graft::lora
