// What the rows of registry.cpp are made of: reading, writing and timing of each part. Signatures and
// errors as in PartInfo (registry.h).
#pragma once

#include "sim/protect/registry.h"

namespace fluence::protect {

// memory_part.cpp: one row a code, the part's name is the code's.
void parse_memory_code(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_memory_code(const PartInfo& info, const Policy& policy);
void time_memory_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// register_part.cpp: one row a code, the part's name is the code's.
void parse_register_code(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_register_code(const PartInfo& info, const Policy& policy);
void time_register_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// checksum.cpp
void parse_checksum(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_checksum(const PartInfo& info, const Policy& policy);
void time_checksum(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// checksum.cpp: the suppressor that the checksum gates.
void parse_zero(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_zero(const PartInfo& info, const Policy& policy);
void time_zero(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// range.cpp
void parse_range(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_range(const PartInfo& info, const Policy& policy);
void time_range(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

}  // namespace fluence::protect
