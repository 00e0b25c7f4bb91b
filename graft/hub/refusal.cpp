#include "graft/hub/refusal.h"

namespace graft::hub {
namespace {

// What a stranger wrote, fit for a terminal.
std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text.substr(0, 200)) result += c >= 32 && c < 127 ? c : '?';
  return result;
}

}  // namespace

void refuse(const Response& response, const Environment& environment,
            const Repository& repository) {
  const std::string code = response.header("x-error-code");
  const std::string message = printable(response.header("x-error-message"));
  const std::string page = environment.endpoint + "/" + repository.name;
  const std::string log_in =
      environment.token ? "the token that is used has no access to it"
                        : "there is no token: set HF_TOKEN, or log in with `hf auth login`";
  if (code == "GatedRepo") {
    fail("{} is gated: accept its conditions on {} and use a token of that account{}",
         repository.name, page, environment.token ? "" : " (HF_TOKEN, or `hf auth login`)");
  }
  if (code == "RevisionNotFound") {
    fail("{} has no branch, tag or commit {}: see {}/tree/main", repository.name,
         repository.revision, page);
  }
  if (code == "EntryNotFound") fail("{} lacks a file that it lists: {}", repository.name, message);
  if (code == "RepoNotFound" || response.status == 404) {
    fail("there is no model {} on {}, or it is private and {}", repository.name,
         environment.endpoint, log_in);
  }
  if (response.status == 401) {
    fail("{} does not let {} be read: {}", environment.endpoint, repository.name,
         environment.token ? "the token that is used is not valid" : log_in);
  }
  fail("{} answers HTTP status {} for {}{}{}", environment.endpoint, response.status,
       repository.name, message.empty() ? "" : ": ", message);
}

}  // namespace graft::hub
