#include "graft/hub/repository.h"

#include <algorithm>
#include <cctype>

namespace graft::hub {
namespace {

constexpr size_t kMostNameBytes = 96;
constexpr size_t kMostRevisionBytes = 250;

struct Words {
  const char *one, *plural;
};

Words words(RepositoryKind kind) {
  switch (kind) {
    case RepositoryKind::dataset:
      return {"data set", "datasets"};
    case RepositoryKind::space:
      return {"space", "spaces"};
    case RepositoryKind::model:
      break;
  }
  return {"model", "models"};
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_name(const std::string& name) {
  if (name.empty() || name.size() > kMostNameBytes) return false;
  if (name.find("--") != std::string::npos || name.find("..") != std::string::npos) return false;
  if (name.ends_with(".git") || std::count(name.begin(), name.end(), '/') > 1) return false;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    const auto allowed = [](char c) { return is_word(c) || c == '-' || c == '.'; };
    if (part.empty() || !std::all_of(part.begin(), part.end(), allowed)) return false;
    if (!is_word(part.front()) || !is_word(part.back())) return false;
    begin = end + 1;
  }
  return true;
}

// A name that git allows and that stays below refs/ as a path.
bool is_revision(const std::string& revision) {
  if (revision.empty() || revision.size() > kMostRevisionBytes) return false;
  const auto allowed = [](char c) {
    return is_word(c) || c == '-' || c == '.' || c == '/' || c == '+' || c == '=' || c == '#';
  };
  return std::all_of(revision.begin(), revision.end(), allowed) && revision.front() != '/' &&
         revision.front() != '.' && revision.front() != '-' && revision.back() != '/' &&
         revision.find("..") == std::string::npos && revision.find("//") == std::string::npos &&
         revision.find("/.") == std::string::npos;
}

}  // namespace

std::optional<Repository> Repository::parse(const std::string& text) {
  Repository repository;
  const size_t at = text.find('@');
  repository.name = text.substr(0, at);
  if (at != std::string::npos) repository.revision = text.substr(at + 1);
  if (!is_name(repository.name) || !is_revision(repository.revision)) return std::nullopt;
  return repository;
}

std::optional<Repository> Repository::of_folder(const std::string& folder) {
  for (const RepositoryKind kind :
       {RepositoryKind::model, RepositoryKind::dataset, RepositoryKind::space}) {
    const std::string prefix = words(kind).plural + std::string("--");
    if (!folder.starts_with(prefix)) continue;
    std::string name = folder.substr(prefix.size());
    if (const size_t at = name.find("--"); at != std::string::npos) name.replace(at, 2, "/");
    if (is_name(name)) return Repository{name, "main", kind};
  }
  return std::nullopt;
}

std::string Repository::folder_name() const {
  std::string folder = name;
  if (const size_t slash = folder.find('/'); slash != std::string::npos) {
    folder.replace(slash, 1, "--");
  }
  return words(kind).plural + ("--" + folder);
}

std::string Repository::page_path() const {
  return kind == RepositoryKind::model ? name : api_path();
}

std::string Repository::api_path() const { return words(kind).plural + ("/" + name); }

const char* Repository::kind_name() const { return words(kind).one; }

bool is_commit(const std::string& text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

}  // namespace graft::hub
