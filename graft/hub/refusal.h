#pragma once

#include "graft/hub/http.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// Throws Error that says what an answer other than 2xx means and what to do: a repository that is
/// not there, private or gated, a revision or file that it does not have, a token that is missing
/// or not enough. Of the server's own words it repeats one short printable line.
[[noreturn]] void refuse(const Response& response, const Environment& environment,
                         const Repository& repository);

/// The same of an answer to an upload: a token that is not valid or may not write there.
[[noreturn]] void refuse_upload(const Response& response, const Environment& environment,
                                const Repository& repository);

}  // namespace graft::hub
