#include "graft/hub/upload_notes.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/hub/address.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kMostNoteBytes = size_t{64} << 20;
constexpr std::chrono::hours kGoodFor{24}, kKeptFor{24 * 7};

std::chrono::file_clock::duration age(const fs::path& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  return error ? std::chrono::file_clock::duration::max()
               : std::chrono::file_clock::now() - written;
}

void remove_old(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::path& path : entries_of(folder, ignored)) {
    if (age(path) > kKeptFor) fs::remove(path, ignored);
  }
}

void make_private_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) fail("cannot make the folder {}: {}", folder.string(), error.message());
}

json read_note(const fs::path& path) {
  try {
    return io::parse_json(read_text(path, kMostNoteBytes), path.string());
  } catch (const Error&) {
    return {};  // damaged: the file is uploaded from its beginning
  }
}

}  // namespace

std::optional<UploadNotes> UploadNotes::find(const Of& of) {
  if (!is_there(of.path) || age(of.path) > kGoodFor) return std::nullopt;
  const json note = read_note(of.path);
  if (io::text_at(note, "oid") != of.oid || io::text_at(note, "endpoint") != of.endpoint ||
      note.value("size", json()) != of.size || !note.value("parts", json()).is_array() ||
      !note.value("part_size", json()).is_number_unsigned()) {
    return std::nullopt;
  }
  UploadNotes notes(of);
  PartsPlan& plan = notes.plan_;
  plan.part_size = note["part_size"].get<uint64_t>();
  plan.complete = io::text_at(note, "complete");
  if (std::string verify = io::text_at(note, "verify"); !verify.empty()) {
    notes.verify_ = std::move(verify);
  }
  for (const json& part : note["parts"]) {
    plan.parts.push_back(io::text_at(part, "url"));
    notes.etags_.push_back(io::text_at(part, "etag"));
  }
  const bool safe = is_safe_address(plan.complete) &&
                    (!notes.verify_ || is_safe_address(*notes.verify_)) &&
                    std::all_of(plan.parts.begin(), plan.parts.end(), is_safe_address);
  if (!safe || plan.part_size == 0 || plan.parts.size() != (of.size - 1) / plan.part_size + 1) {
    return std::nullopt;
  }
  return notes;
}

UploadNotes UploadNotes::begin(const Of& of, PartsPlan plan,
                               const std::optional<std::string>& verify) {
  remove_old(of.path.parent_path());
  UploadNotes notes(of);
  notes.verify_ = verify;
  notes.etags_.resize(plan.parts.size());
  notes.plan_ = std::move(plan);
  notes.write();
  return notes;
}

void UploadNotes::set_etag(size_t part, std::string etag) {
  etags_[part] = std::move(etag);
  write();
}

size_t UploadNotes::parts_there() const {
  return static_cast<size_t>(std::count_if(etags_.begin(), etags_.end(),
                                           [](const std::string& etag) { return !etag.empty(); }));
}

void UploadNotes::write() {
  if (!writable_) return;
  json parts = json::array();
  for (size_t i = 0; i < etags_.size(); ++i) {
    parts.push_back({{"url", plan_.parts[i]}, {"etag", etags_[i]}});
  }
  const json note = {{"endpoint", of_.endpoint},
                     {"oid", of_.oid},
                     {"size", of_.size},
                     {"part_size", plan_.part_size},
                     {"complete", plan_.complete},
                     {"verify", verify_.value_or("")},
                     {"parts", parts}};
  try {
    make_private_folder(of_.path.parent_path());
    write_text(of_.path, note.dump());
  } catch (const Error& error) {
    of_.front_end->warn("{}: if the upload breaks off, it starts from the beginning", error.what());
    writable_ = false;
  }
}

void UploadNotes::discard() {
  std::error_code ignored;
  fs::remove(of_.path, ignored);
}

}  // namespace graft::hub
