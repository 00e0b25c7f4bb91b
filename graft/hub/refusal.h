#pragma once

#include "graft/hub/http.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// Throws Error that explains an answer other than 2xx and says what to do: a repository that does
/// not exist or is private or gated, a missing revision or file, a token that is missing or lacks
/// permission. Quotes at most one short printable line from the server.
[[noreturn]] void refuse(const Response& response, const Environment& environment,
                         const Repository& repository);

/// The same for an answer to an upload: an invalid token, or one that may not write there.
[[noreturn]] void refuse_upload(const Response& response, const Environment& environment,
                                const Repository& repository);

}  // namespace graft::hub
