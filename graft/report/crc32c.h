#pragma once

#include <cstdint>
#include <string_view>

namespace graft::report {

/// CRC-32C (Castagnoli), as RFC 3720 has it for iSCSI: CRC of "123456789" is 0xe3069283.
uint32_t crc32c(std::string_view bytes);

}  // namespace graft::report
