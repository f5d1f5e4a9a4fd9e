#include "sim/core/accelerator_config.h"

#include "sim/core/error.h"

namespace fluence {
namespace {

constexpr std::int64_t kMaxEdge = 1024;  // PEs along one edge of the array
constexpr std::int64_t kMaxBytes = std::int64_t(1) << 32;

BufferConfig parse_buffer(JsonObject object, bool holds_accumulators) {
    BufferConfig buffer;
    buffer.size = Bytes(object.integer("bytes", 16, kMaxBytes));
    const std::string width =
        object.has("word_bits") ? std::to_string(object.integer("word_bits", 8, 128)) : "";
    if (holds_accumulators) {
        buffer.word_bits = 32;
        if (!width.empty() && width != "32" && width != "64" && width != "128") {
            object.fail("word_bits", "is " + width + ": a word holds whole 32-bit accumulators",
                        "32, 64, 128");
        }
    } else if (!width.empty() && width != "8" && width != "16" && width != "32" && width != "64" &&
               width != "128") {
        object.fail("word_bits", "is " + width, "8, 16, 32, 64, 128");
    }
    if (!width.empty()) {
        buffer.word_bits = std::stoi(width);
    }
    if (buffer.size.count() % (2 * buffer.word_bytes()) != 0) {
        object.fail("bytes",
                    "is " + std::to_string(buffer.size.count()) + ": two halves of whole words are needed",
                    "multiples of " + std::to_string(2 * buffer.word_bytes()));
    }
    object.finish();
    return buffer;
}

nlohmann::json buffer_json(const BufferConfig& buffer) {
    return {{"bytes", buffer.size.count()}, {"word_bits", buffer.word_bits}};
}

}  // namespace

AcceleratorConfig parse_accelerator(const nlohmann::json& value, const std::string& file) {
    JsonObject root(value, file);
    AcceleratorConfig config;
    config.name = root.text("name");
    root.text_or("description", "");
    config.clock_mhz = root.number("clock_mhz", 1e-3, 1e5);

    JsonObject array = root.object("array");
    config.array.rows = static_cast<int>(array.integer("rows", 1, kMaxEdge));
    config.array.cols = static_cast<int>(array.integer("cols", 1, kMaxEdge));
    config.array.dataflow = array.text_or("dataflow", "weight-stationary");
    config.array.operand_register =
        array.choice_or("operand_register", "output", {"input", "output"}) == "input"
            ? OperandRegister::input
            : OperandRegister::output;
    config.array.shadow_weights = array.boolean_or("shadow_weights", true);
    array.finish();

    config.weight_buffer = parse_buffer(root.object("weight_buffer"), false);
    config.activation_buffer = parse_buffer(root.object("activation_buffer"), false);
    config.output_buffer = parse_buffer(root.object("output_buffer"), true);

    JsonObject dram = root.object("dram");
    config.dram.word_bits = static_cast<int>(dram.integer_or("word_bits", 64, 8, 128));
    config.dram.bytes_per_cycle = static_cast<int>(dram.integer("bytes_per_cycle", 1, 4096));
    config.dram.latency = Cycles(dram.integer("latency_cycles", 0, 100000));
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
    return {
        {"name", config.name},
        {"clock_mhz", config.clock_mhz},
        {"array",
         {{"rows", config.array.rows},
          {"cols", config.array.cols},
          {"dataflow", config.array.dataflow},
          {"operand_register", config.array.operand_register == OperandRegister::input ? "input" : "output"},
          {"shadow_weights", config.array.shadow_weights}}},
        {"weight_buffer", buffer_json(config.weight_buffer)},
        {"activation_buffer", buffer_json(config.activation_buffer)},
        {"output_buffer", buffer_json(config.output_buffer)},
        {"dram",
         {{"word_bits", config.dram.word_bits},
          {"bytes_per_cycle", config.dram.bytes_per_cycle},
          {"latency_cycles", config.dram.latency.count()}}},
        {"vector_unit",
         {{"lanes", config.vector_unit.lanes},
          {"pipeline_cycles", config.vector_unit.pipeline_depth.count()}}}};
}

}  // namespace fluence
