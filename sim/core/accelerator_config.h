// The accelerator as the user describes it (configs/accelerators/*.json), validated.
#pragma once

#include <cstdint>
#include <string>

#include "sim/core/json.h"
#include "sim/core/units.h"

namespace fluence {

// Where a PE keeps its operand and partial-sum registers: in front of the MAC or behind it.
// `input`: PE(r,c) multiplies what its activation register holds; `output`: it multiplies what arrives
// on the wire, and registers the activation and the sum at the end of the same cycle.
enum class OperandRegister { input, output };

struct ArrayConfig {
    int rows = 0;
    int cols = 0;
    std::string dataflow;  // a row of the registry in sim/dataflow
    OperandRegister operand_register = OperandRegister::output;
    bool shadow_weights = false;  // second weight register a PE, so that preload overlaps compute
};

// One on-chip buffer of two halves (double buffering).
struct BufferConfig {
    Bytes size{};        // data bytes of both halves together, check bits not counted
    int word_bits = 64;  // data bits of a word: the unit of access and of error correction
    Bytes half() const { return Bytes(size.count() / 2); }
    int word_bytes() const { return word_bits / 8; }
};

struct DramConfig {
    int word_bits = 64;       // equal to the weight and activation buffers' word
    int bytes_per_cycle = 8;  // bandwidth, accelerator clock
    Cycles latency{};         // from the read of a word to its arrival on chip
    int word_bytes() const { return word_bits / 8; }
};

struct VectorUnitConfig {
    int lanes = 0;            // elements a cycle
    Cycles pipeline_depth{};  // from the read of an accumulator to its requantised output
};

struct AcceleratorConfig {
    std::string name;
    double clock_mhz = 0;
    ArrayConfig array;
    BufferConfig weight_buffer;
    BufferConfig activation_buffer;
    BufferConfig output_buffer;  // 32-bit accumulators
    DramConfig dram;
    VectorUnitConfig vector_unit;
};

// Throws InputError for unknown keys, values out of range and machines that cannot be built.
AcceleratorConfig parse_accelerator(const nlohmann::json& value, const std::string& file);
AcceleratorConfig read_accelerator(const std::string& path);
nlohmann::json to_json(const AcceleratorConfig& config);

}  // namespace fluence
