#include "sim/core/accelerator_config.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "sim/core/cycle_numbering.h"
#include "sim/core/error.h"

namespace fluence {
namespace {

constexpr std::int64_t kMaxEdge = 1024;  // PEs along one edge of the array
constexpr std::int64_t kMaxBytes = std::int64_t(1) << 32;
constexpr std::int64_t kMaxCycles = 100000;
constexpr int kMaxDataBits = 128;  // of a word

// One spelling a value, for reading and for writing.
template <class Enum>
struct Spelling {
    Enum value;
    const char* text;
};
constexpr Spelling<DataflowKind> kDataflows[] = {{DataflowKind::weight_stationary, "weight-stationary"},
                                                 {DataflowKind::output_stationary, "output-stationary"},
                                                 {DataflowKind::input_stationary, "input-stationary"}};
constexpr Spelling<OperandRegister> kOperandRegisters[] = {{OperandRegister::input, "input"},
                                                           {OperandRegister::output, "output"}};
constexpr Spelling<Preload> kPreloads[] = {{Preload::overlapped, "overlapped"}, {Preload::serial, "serial"}};
constexpr Spelling<ArrayControl> kControls[] = {{ArrayControl::central, "central"},
                                                {ArrayControl::travelling, "travelling"}};
constexpr Spelling<Drain> kDrains[] = {{Drain::shift, "shift"}, {Drain::parallel, "parallel"}};
constexpr Spelling<Skew> kSkews[] = {{Skew::external, "external"}, {Skew::internal, "internal"}};
constexpr Spelling<PartialFolds> kPartialFolds[] = {{PartialFolds::actual, "actual"},
                                                    {PartialFolds::full, "full"}};
constexpr Spelling<OperandFormat> kFormats[] = {{OperandFormat::int8, "int8"},
                                                {OperandFormat::fxp16, "fxp16"},
                                                {OperandFormat::fxp32, "fxp32"},
                                                {OperandFormat::bf16, "bf16"},
                                                {OperandFormat::fp32, "fp32"}};
constexpr Spelling<Overflow> kOverflows[] = {{Overflow::wrap, "wrap"}, {Overflow::saturate, "saturate"}};

template <class Enum, std::size_t N>
Enum choose(JsonObject& object, const std::string& key, const Spelling<Enum> (&spellings)[N], Enum preset) {
    std::vector<std::string> valid;
    std::string text;
    for (const Spelling<Enum>& spelling : spellings) {
        valid.emplace_back(spelling.text);
        text = spelling.value == preset ? spelling.text : text;
    }
    text = object.choice_or(key, text, valid);
    for (const Spelling<Enum>& spelling : spellings) {
        if (text == spelling.text) {
            return spelling.value;
        }
    }
    return preset;
}

template <class Enum, std::size_t N>
const char* spell(const Spelling<Enum> (&spellings)[N], Enum value) {
    for (const Spelling<Enum>& spelling : spellings) {
        if (spelling.value == value) {
            return spelling.text;
        }
    }
    return "";
}

void check_conventions(const JsonObject& object, const ArrayConfig& array) {
    const bool stationary_sum = array.dataflow_kind() == DataflowKind::output_stationary;
    if (!stationary_sum && array.accumulator_stages != 1) {
        object.fail("accumulator_stages",
                    "is " + std::to_string(array.accumulator_stages) + ": sums that move have one stage a PE",
                    "1 with " + array.dataflow);
    }
    if (stationary_sum && array.shadow_weights) {
        object.fail("shadow_weights", "is true: output-stationary PEs keep no operand", "false");
    }
    if (array.control != ArrayControl::travelling) {
        return;
    }
    if (array.multiplier_stages != 0 || array.accumulator_stages != 1) {
        object.fail("multiplier_stages", "and accumulator_stages: arrays with travelling control have none",
                    "0 and 1");
    }
    if (array.skew != Skew::external) {
        object.fail("skew", "is internal: arrays with travelling control have none inside", "external");
    }
    if (array.overflow != Overflow::wrap) {
        object.fail("overflow", "is saturate: the sums of arrays with travelling control wrap", "wrap");
    }
    if (stationary_sum && array.drain != Drain::shift) {
        object.fail("drain", "is parallel: with travelling control sums leave down the columns", "shift");
    }
    const bool at_input = array.operand_register == OperandRegister::input;
    if (stationary_sum && !at_input) {
        object.fail("operand_register", "is output: travelling control has it at the input here", "input");
    }
    if (!stationary_sum && at_input != array.shadow_weights) {
        object.fail("shadow_weights",
                    "does not fit operand_register: with travelling control shadow registers go with operand "
                    "registers at the input (Gemmini), none with those at the output (tiny-tpu)",
                    at_input ? "true" : "false");
    }
}

// Widths of sums: least, default and most; by format. With less the exact sums of a network could not be
// held.
struct SumBits {
    int least, normal, most;
};

SumBits sum_bits(OperandFormat format) {
    switch (format) {
        case OperandFormat::int8:
            return {16, 32, 32};
        case OperandFormat::fxp16:
            return {32, 48, 64};
        case OperandFormat::fxp32:
            return {64, 80, 128};
        case OperandFormat::bf16:
        case OperandFormat::fp32:
            return {32, 32, 32};
    }
    return {};
}

ArrayConfig parse_array(JsonObject array, OperandFormat format) {
    ArrayConfig config;
    config.rows = static_cast<int>(array.integer("rows", 1, kMaxEdge));
    config.cols = static_cast<int>(array.integer("cols", 1, kMaxEdge));
    config.dataflow =
        spell(kDataflows, choose(array, "dataflow", kDataflows, DataflowKind::weight_stationary));
    const bool stationary_sum = config.dataflow_kind() == DataflowKind::output_stationary;
    config.operand_register = choose(array, "operand_register", kOperandRegisters, OperandRegister::output);
    config.shadow_weights = array.boolean_or("shadow_weights", !stationary_sum);
    config.preload = choose(array, "preload", kPreloads, Preload::overlapped);
    config.control = choose(array, "control", kControls, ArrayControl::central);
    config.multiplier_stages = static_cast<int>(array.integer_or("multiplier_stages", 0, 0, 8));
    config.accumulator_stages = static_cast<int>(array.integer_or("accumulator_stages", 1, 1, 8));
    config.drain = choose(array, "drain", kDrains, Drain::shift);
    config.skew = choose(array, "skew", kSkews, Skew::external);
    config.partial_folds = choose(array, "partial_folds", kPartialFolds, PartialFolds::actual);
    config.format = format;
    const int word = 8 * stored_widths(format).operand;
    const SumBits sums = sum_bits(format);
    config.operand_bits = static_cast<int>(
        array.integer_or("operand_bits", word, word, format == OperandFormat::int8 ? 32 : word));
    config.accumulator_bits =
        static_cast<int>(array.integer_or("accumulator_bits", sums.normal, sums.least, sums.most));
    config.overflow = choose(array, "overflow", kOverflows, Overflow::wrap);
    config.fold_overhead = Cycles(array.integer_or("fold_overhead_cycles", 0, 0, kMaxCycles));
    config.single_edge_saving =
        Cycles(array.integer_or("single_edge_saving_cycles", 0, 0, config.fold_overhead.count()));
    check_conventions(array, config);
    array.finish();
    return config;
}

nlohmann::json array_json(const ArrayConfig& array) {
    return {{"rows", array.rows},
            {"cols", array.cols},
            {"dataflow", array.dataflow},
            {"operand_register", spell(kOperandRegisters, array.operand_register)},
            {"shadow_weights", array.shadow_weights},
            {"preload", spell(kPreloads, array.preload)},
            {"control", spell(kControls, array.control)},
            {"multiplier_stages", array.multiplier_stages},
            {"accumulator_stages", array.accumulator_stages},
            {"drain", spell(kDrains, array.drain)},
            {"skew", spell(kSkews, array.skew)},
            {"partial_folds", spell(kPartialFolds, array.partial_folds)},
            {"operand_bits", array.operand_bits},
            {"accumulator_bits", array.accumulator_bits},
            {"overflow", spell(kOverflows, array.overflow)},
            {"fold_overhead_cycles", array.fold_overhead.count()},
            {"single_edge_saving_cycles", array.single_edge_saving.count()}};
}

enum class Holds { weights, activations, accumulators };

// A word holds whole accumulators, and an operand lies in one word.
std::vector<int> valid_word_bits(Holds holds, OperandFormat format) {
    const StoredWidths widths = stored_widths(format);
    const int least = 8 * (holds == Holds::accumulators ? widths.sum : widths.operand);
    std::vector<int> valid;
    for (int bits = least; bits <= kMaxDataBits; bits *= 2) {
        valid.push_back(bits);
    }
    return valid;
}

BufferConfig parse_buffer(JsonObject object, Holds holds, OperandFormat format) {
    BufferConfig buffer;
    buffer.size = Bytes(object.integer("bytes", 16, kMaxBytes));
    const std::vector<int> valid = valid_word_bits(holds, format);
    if (holds == Holds::accumulators) {
        buffer.word_bits = valid.front();
    }
    buffer.word_bits = static_cast<int>(object.integer_or("word_bits", buffer.word_bits, 8, kMaxDataBits));
    if (std::find(valid.begin(), valid.end(), buffer.word_bits) == valid.end()) {
        std::string widths;
        for (const int bits : valid) {
            widths += (widths.empty() ? "" : ", ") + std::to_string(bits);
        }
        object.fail(
            "word_bits",
            "is " + std::to_string(buffer.word_bits) +
                (holds == Holds::accumulators ? ": a word holds whole accumulators of " +
                                                    std::to_string(8 * stored_widths(format).sum) + " bits"
                                              : ""),
            widths);
    }
    if (buffer.size.count() % (2 * buffer.word_bytes()) != 0) {
        object.fail("bytes",
                    "is " + std::to_string(buffer.size.count()) + ": two halves of whole words are needed",
                    "multiples of " + std::to_string(2 * buffer.word_bytes()));
    }
    buffer.banks = static_cast<int>(object.integer_or("banks", 2, 1, 2));
    buffer.ports = static_cast<int>(object.integer_or("ports", 1, 1, 2));
    if (holds == Holds::activations) {
        buffer.keep_activations = object.boolean_or("keep_activations", false);
    }
    object.finish();
    return buffer;
}

nlohmann::json buffer_json(const BufferConfig& buffer, Holds holds) {
    nlohmann::json json = {{"bytes", buffer.size.count()},
                           {"word_bits", buffer.word_bits},
                           {"banks", buffer.banks},
                           {"ports", buffer.ports}};
    if (holds == Holds::activations) {
        json["keep_activations"] = buffer.keep_activations;
    }
    return json;
}

}  // namespace

const char* name_of(OperandFormat format) {
    return spell(kFormats, format);
}

bool is_float(OperandFormat format) {
    return format == OperandFormat::bf16 || format == OperandFormat::fp32;
}

StoredWidths stored_widths(OperandFormat format) {
    switch (format) {
        case OperandFormat::int8:
            return {1, 4, 4};
        case OperandFormat::fxp16:
            return {2, 2, 8};
        case OperandFormat::fxp32:
            return {4, 4, 16};
        case OperandFormat::bf16:
            return {2, 4, 4};
        case OperandFormat::fp32:
            return {4, 4, 4};
    }
    return {};
}

DataflowKind ArrayConfig::dataflow_kind() const {
    for (const Spelling<DataflowKind>& spelling : kDataflows) {
        if (dataflow == spelling.text) {
            return spelling.value;
        }
    }
    throw std::out_of_range("there is no dataflow \"" + dataflow + "\"");
}

AcceleratorConfig parse_accelerator(const nlohmann::json& value, const std::string& file) {
    JsonObject root(value, file);
    AcceleratorConfig config;
    config.name = root.text("name");
    root.text_or("description", "");
    parse_first_cycle(root);
    config.clock_mhz = root.number("clock_mhz", 1e-3, 1e5);

    const OperandFormat format = choose(root, "format", kFormats, OperandFormat::int8);
    config.array = parse_array(root.object("array"), format);

    config.weight_buffer = parse_buffer(root.object("weight_buffer"), Holds::weights, format);
    config.activation_buffer = parse_buffer(root.object("activation_buffer"), Holds::activations, format);
    config.output_buffer = parse_buffer(root.object("output_buffer"), Holds::accumulators, format);

    JsonObject dram = root.object("dram");
    config.dram.word_bits = static_cast<int>(dram.integer_or("word_bits", 64, 8, kMaxDataBits));
    config.dram.bytes_per_cycle = static_cast<int>(dram.integer("bytes_per_cycle", 1, 4096));
    config.dram.latency = Cycles(dram.integer("latency_cycles", 0, kMaxCycles));
    config.dram.row_bytes = static_cast<int>(dram.integer_or("row_bytes", 0, 0, 1 << 20));
    config.dram.row_miss = Cycles(dram.integer_or("row_miss_cycles", 0, 0, kMaxCycles));
    config.dram.burst_bytes = static_cast<int>(dram.integer_or("burst_bytes", 0, 0, 4096));
    for (const auto& [key, bytes] : {std::pair<std::string, int>{"row_bytes", config.dram.row_bytes},
                                     {"burst_bytes", config.dram.burst_bytes}}) {
        if (bytes % config.dram.word_bytes() != 0) {
            dram.fail(key, "is " + std::to_string(bytes) + ": whole words are needed",
                      "multiples of " + std::to_string(config.dram.word_bytes()));
        }
    }
    if (config.dram.burst_bytes > 0 && config.dram.row_bytes % config.dram.burst_bytes != 0) {
        dram.fail("row_bytes", "is " + std::to_string(config.dram.row_bytes) + ": a row holds whole bursts",
                  "multiples of " + std::to_string(config.dram.burst_bytes));
    }
    if (config.dram.row_bytes == 0 && config.dram.row_miss.count() > 0) {
        dram.fail("row_miss_cycles",
                  "is " + std::to_string(config.dram.row_miss.count()) + ": there are no rows",
                  "0 without row_bytes");
    }
    for (const auto& [key, buffer] :
         {std::pair<std::string, const BufferConfig*>{"weight_buffer", &config.weight_buffer},
          {"activation_buffer", &config.activation_buffer}}) {
        if (buffer->word_bits != config.dram.word_bits) {
            throw InputError(file, key + ".word_bits",
                             "is " + std::to_string(buffer->word_bits) + ": DRAM words move whole",
                             "the dram's " + std::to_string(config.dram.word_bits));
        }
    }
    dram.finish();

    JsonObject vector_unit = root.object("vector_unit");
    config.vector_unit.lanes = static_cast<int>(vector_unit.integer("lanes", 1, 1024));
    config.vector_unit.pipeline_depth = Cycles(vector_unit.integer_or("pipeline_cycles", 4, 0, 1000));
    vector_unit.finish();
    root.finish();
    return config;
}

AcceleratorConfig read_accelerator(const std::string& path) {
    return parse_accelerator(read_json_file(path), path);
}

nlohmann::json to_json(const AcceleratorConfig& config) {
    nlohmann::json value = {{"name", config.name},
                            {"clock_mhz", config.clock_mhz},
                            {"array", array_json(config.array)},
                            {"weight_buffer", buffer_json(config.weight_buffer, Holds::weights)},
                            {"activation_buffer", buffer_json(config.activation_buffer, Holds::activations)},
                            {"output_buffer", buffer_json(config.output_buffer, Holds::accumulators)},
                            {"dram",
                             {{"word_bits", config.dram.word_bits},
                              {"bytes_per_cycle", config.dram.bytes_per_cycle},
                              {"latency_cycles", config.dram.latency.count()},
                              {"row_bytes", config.dram.row_bytes},
                              {"row_miss_cycles", config.dram.row_miss.count()},
                              {"burst_bytes", config.dram.burst_bytes}}},
                            {"vector_unit",
                             {{"lanes", config.vector_unit.lanes},
                              {"pipeline_cycles", config.vector_unit.pipeline_depth.count()}}}};
    if (config.array.format != OperandFormat::int8) {
        value["format"] = name_of(config.array.format);
    }
    return value;
}

void require_int8(const AcceleratorConfig& config, const std::string& what) {
    if (config.array.format != OperandFormat::int8) {
        throw InputError(
            config.name, "format",
            std::string("is ") + name_of(config.array.format) + ": " + what + " needs a machine of int8",
            "int8; cycles, traffic, energy and area of others: fluence simulate, fluence area");
    }
}

}  // namespace fluence
