// The kinds of storage that upsets strike, one line on each.
#pragma once

#include <vector>

#include "sim/fault/upset.h"

namespace fluence::fault {

struct SiteInfo {
    SiteKind kind{};
    const char* summary = "";
};
// Whether a machine has the kind, and how many units, is for its policy to say: an upset that another
// policy's machine has a place for may be absent here. (So may words of DRAM.)
constexpr bool depends_on_policy(SiteKind kind) {
    return traces::is_unit_state(kind);
}
// Every kind once.
const std::vector<SiteInfo>& site_table();

}  // namespace fluence::fault
