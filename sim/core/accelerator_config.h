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

enum class DataflowKind { weight_stationary, output_stationary, input_stationary };

// May a fold's stationary operand move in, and its stream begin, while the fold before is still in the array?
enum class Preload { overlapped, serial };

// How the array knows what its registers hold. `central`: enables come from one counter beside the array.
// `travelling`: valid, propagate and write bits move from PE to PE with the data, as in Gemmini's mesh
// (operand registers at the input) and tiny-tpu (at the output).
enum class ArrayControl { central, travelling };

// Output stationary: how sums leave. `parallel`: every PE has a port of its own; `shift`: copied to drain
// registers that move one column an edge.
enum class Drain { parallel, shift };

// Where the triangular delay of operands is: in the feeders or in registers inside the array.
enum class Skew { external, internal };

// What weights and activations are (docs/formats-numbers.md). Policies' work on values is simulated for int8.
enum class OperandFormat { int8, fxp16, fxp32, bf16, fp32 };
const char* name_of(OperandFormat format);
// Products and sums are binary32.
bool is_float(OperandFormat format);

// Bytes that one value takes in the memories.
struct StoredWidths {
    int operand = 1;  // weights and activations; int8: the logits take what a sum takes
    int bias = 4;
    int sum = 4;  // accumulators in the output buffer
};
StoredWidths stored_widths(OperandFormat format);

enum class PartialFolds { actual, full };
enum class Overflow { wrap, saturate };

// docs/machine.md and sim/dataflow/space_time.h say what each convention means in cycles.
struct ArrayConfig {
    int rows = 0;
    int cols = 0;
    std::string dataflow;  // a row of the registry in sim/dataflow
    OperandRegister operand_register = OperandRegister::output;
    bool shadow_weights = false;  // second stationary register a PE, so that preload overlaps compute
    Preload preload = Preload::overlapped;
    ArrayControl control = ArrayControl::central;
    int multiplier_stages = 0;   // LM: product registers between multiplier and adder
    int accumulator_stages = 1;  // LA: 1, the accumulator itself, and output stationary: more behind it
    Drain drain = Drain::shift;
    Skew skew = Skew::external;
    PartialFolds partial_folds = PartialFolds::actual;
    OperandFormat format = OperandFormat::int8;
    int operand_bits = 8;       // width of operand registers; wider ones hold the code sign-extended
    int accumulator_bits = 32;  // width of the array's sums; the output buffer's are stored_widths()
    Overflow overflow = Overflow::wrap;
    Cycles fold_overhead{};       // added to every fold's end
    Cycles single_edge_saving{};  // taken off it where the fold uses one row or one column

    DataflowKind dataflow_kind() const;  // of a valid `dataflow`
};

// One on-chip buffer of two halves (double buffering).
struct BufferConfig {
    Bytes size{};        // data bytes of both halves together, check bits not counted
    int word_bits = 64;  // data bits of a word: the unit of access and of error correction
    // 2: each half is a bank of its own. 1: both halves share one, so that a port is needed for each of the
    // words that are read and written in one cycle.
    int banks = 2;
    int ports = 1;  // a bank; word accesses of different users in one cycle
    // Activation buffer: a tensor whose only reader is the next layer stays there where it fits one half.
    bool keep_activations = false;
    Bytes half() const { return Bytes(size.count() / 2); }
    int word_bytes() const { return word_bits / 8; }
};

struct DramConfig {
    int word_bits = 64;       // equal to the weight and activation buffers' word
    int bytes_per_cycle = 8;  // bandwidth, accelerator clock
    Cycles latency{};         // from the read of a word to its arrival on chip (of a row hit)
    // Row model: a transfer that touches another row than the one that is open pays `row_miss` cycles more
    // for each such row. 0: every access costs the same.
    int row_bytes = 0;
    Cycles row_miss{};
    int burst_bytes = 0;  // least transfer: the port is kept for whole bursts; 0: for whole words
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
    BufferConfig output_buffer;  // accumulators
    DramConfig dram;
    VectorUnitConfig vector_unit;
};

// Throws InputError for unknown keys, values out of range and machines that cannot be built.
AcceleratorConfig parse_accelerator(const nlohmann::json& value, const std::string& file);
AcceleratorConfig read_accelerator(const std::string& path);
nlohmann::json to_json(const AcceleratorConfig& config);

// Throws InputError, naming `what`, for a machine of another format than int8.
void require_int8(const AcceleratorConfig& config, const std::string& what);

}  // namespace fluence
