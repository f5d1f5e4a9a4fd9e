// The parts of struck_site(): registers, words, and the values in them.
#pragma once

#include "sim/campaign/struck_site.h"

namespace fluence::campaign {

// Fill in what `site.upset` meets.
void locate_register(const RecordedRun& run, StruckSite& site);
void locate_word(const RecordedRun& run, StruckSite& site);

// Appends a value whose bits `mask` (from the value's lowest on) are struck; nothing for no bits.
void add_value(const RecordedRun& run, StruckSite& site, HeldValue value, std::uint32_t mask);
// Adds MACs to those of their layer and group.
void add_macs(StruckSite& site, const Macs& macs);

}  // namespace fluence::campaign
