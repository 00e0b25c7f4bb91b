#include "graft/hub/upload_notes.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kMostNoteBytes = size_t{64} << 20;

std::string text_at(const json& object, const char* key) {
  const json value = object.value(key, json());
  return value.is_string() ? value.get<std::string>() : "";
}

void make_private_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) fail("cannot make the folder {}: {}", folder.string(), error.message());
}

}  // namespace

std::optional<UploadNotes> UploadNotes::find(const fs::path& path, const std::string& oid,
                                             uint64_t size) {
  if (!is_there(path)) return std::nullopt;
  json note;
  try {
    note = parse_json(read_text(path, kMostNoteBytes), path.string());
  } catch (const Error&) {
    return std::nullopt;  // of another version, or damaged: the file is uploaded from its beginning
  }
  if (!note.is_object() || text_at(note, "oid") != oid || note.value("size", json()) != size ||
      !note.value("parts", json()).is_array() ||
      !note.value("part_size", json()).is_number_unsigned()) {
    return std::nullopt;
  }
  UploadNotes notes;
  notes.path_ = path;
  notes.oid_ = oid;
  notes.size_ = size;
  notes.plan_.part_size = note["part_size"].get<uint64_t>();
  notes.plan_.complete = text_at(note, "complete");
  if (const std::string verify = text_at(note, "verify"); !verify.empty()) {
    notes.plan_.verify = verify;
  }
  for (const json& part : note["parts"]) {
    if (!part.is_object()) return std::nullopt;
    notes.plan_.parts.push_back(text_at(part, "url"));
    notes.etags_.push_back(text_at(part, "etag"));
  }
  const uint64_t part_size = notes.plan_.part_size, count = notes.plan_.parts.size();
  if (part_size == 0 || count != (size - 1) / part_size + 1) return std::nullopt;
  return notes;
}

UploadNotes UploadNotes::begin(const fs::path& path, const std::string& oid, uint64_t size,
                               PartsPlan plan) {
  make_private_folder(path.parent_path());
  UploadNotes notes;
  notes.path_ = path;
  notes.oid_ = oid;
  notes.size_ = size;
  notes.etags_.resize(plan.parts.size());
  notes.plan_ = std::move(plan);
  notes.write();
  return notes;
}

void UploadNotes::set_etag(size_t part, std::string etag) {
  etags_[part] = std::move(etag);
  write();
}

void UploadNotes::write() const {
  json parts = json::array();
  for (size_t i = 0; i < etags_.size(); ++i) {
    parts.push_back({{"url", plan_.parts[i]}, {"etag", etags_[i]}});
  }
  const json note = {{"oid", oid_},
                     {"size", size_},
                     {"part_size", plan_.part_size},
                     {"complete", plan_.complete},
                     {"verify", plan_.verify.value_or("")},
                     {"parts", parts}};
  write_text(path_, note.dump());
}

void UploadNotes::discard() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

}  // namespace graft::hub
