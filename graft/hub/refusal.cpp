#include "graft/hub/refusal.h"

#include "graft/hub/text.h"
#include "graft/io/json.h"

namespace graft::hub {

void refuse(const Response& response, const Environment& environment,
            const Repository& repository) {
  const std::string code = response.header("x-error-code");
  const std::string message = printable(response.header("x-error-message"));
  const std::string page = environment.endpoint + "/" + repository.page_path();
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
    fail("there is no {} {} on {}, or it is private and {}", repository.kind_name(),
         repository.name, environment.endpoint, log_in);
  }
  if (response.status == 401) {
    fail("{} does not let {} be read: {}", environment.endpoint, repository.name,
         environment.token ? "the token that is used is not valid" : log_in);
  }
  fail("{} answers HTTP status {} for {}{}{}", environment.endpoint, response.status,
       repository.name, message.empty() ? "" : ": ", message);
}

void refuse_upload(const Response& response, const Environment& environment,
                   const Repository& repository) {
  std::string message = response.header("x-error-message");
  if (message.empty() && response.body.starts_with('{')) {
    try {
      message = io::text_at(io::parse_json(response.body, ""), "error");
    } catch (const Error&) {
      message.clear();
    }
  }
  const std::string words = message.empty() ? "" : " (" + printable(message) + ")";
  const std::string owner = repository.name.substr(0, repository.name.find('/'));
  if (response.header("x-error-code") == "RevisionNotFound") {
    refuse(response, environment, repository);
  }
  if (response.status == 401) {
    fail("{} does not know the token that is used{}: set HF_TOKEN, or log in with `hf auth login`",
         environment.endpoint, words);
  }
  if (response.status == 403 || response.status == 404) {
    fail(
        "the token that is used may not write to {}{}: it needs write permission, and its account "
        "must be {} or one of its members; else choose a repository of your own account",
        repository.name, words, owner);
  }
  fail("{} answers HTTP status {} to the upload of {}{}", environment.endpoint, response.status,
       repository.name, words);
}

}  // namespace graft::hub
