// What the rows of registry.cpp are made of: reading, writing and timing of each part. Signatures and
// errors as in PartInfo (registry.h).
#pragma once

#include "sim/protect/registry.h"

namespace fluence::protect {

// memory_part.cpp: one row a code, the part's name is the code's.
void parse_memory_code(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_memory_code(const PartInfo& info, const Policy& policy);
void time_memory_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// selective_part.cpp
void parse_selective_ecc(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_selective_ecc(const PartInfo& info, const Policy& policy);
void time_selective_ecc(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// register_part.cpp: one row a code, the part's name is the code's.
void parse_register_code(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_register_code(const PartInfo& info, const Policy& policy);
void time_register_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// The registers that a code protects, as the keys "registers" and "on_due" say.
using RegisterParts = std::array<RegisterPart, kRegisterRoleCount>;
void parse_protected_registers(const std::string& code, JsonObject& object, RegisterParts& registers);
// Those keys, one entry an action.
std::vector<nlohmann::json> write_protected_registers(const std::string& code,
                                                      const RegisterParts& registers);

// ppe_part.cpp
void parse_ppe(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_ppe(const PartInfo& info, const Policy& policy);

// checksum.cpp
void parse_checksum(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_checksum(const PartInfo& info, const Policy& policy);
void time_checksum(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// checksum.cpp: the suppressor that the checksum gates.
void parse_zero(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_zero(const PartInfo& info, const Policy& policy);
void time_zero(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// duplication.cpp
void parse_duplication(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_duplication(const PartInfo& info, const Policy& policy);
void time_duplication(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// range.cpp
void parse_range(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_range(const PartInfo& info, const Policy& policy);
void time_range(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// relu_check.cpp
void parse_relu_check(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_relu_check(const PartInfo& info, const Policy& policy);
void time_relu_check(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// layer_filters.cpp: what filters have in common. Their cycles depend on the layer (filter_cycles()).
std::int64_t parse_calibration_images(JsonObject& object);
std::int64_t parse_buffer_bytes(JsonObject& object);
void time_filter(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

// gradient.cpp, median.cpp, just_say_zero.cpp
void parse_gradient(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_gradient(const PartInfo& info, const Policy& policy);
void parse_median(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_median(const PartInfo& info, const Policy& policy);
void parse_just_say_zero(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_just_say_zero(const PartInfo& info, const Policy& policy);

// rerun_part.cpp: their cycles are those of further runs and of the check behind each (rerun.h).
void parse_confidence_rerun(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_confidence_rerun(const PartInfo& info, const Policy& policy);
void parse_temporal_dmr(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_temporal_dmr(const PartInfo& info, const Policy& policy);
void parse_due_rerun(const PartInfo& info, JsonObject& object, Policy& policy);
std::vector<nlohmann::json> write_due_rerun(const PartInfo& info, const Policy& policy);
void time_rerun(const PartInfo& info, PolicyTiming& timing, const Policy& policy);

}  // namespace fluence::protect
