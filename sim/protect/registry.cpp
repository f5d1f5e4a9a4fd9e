#include "sim/protect/registry.h"

#include "sim/protect/parts.h"

namespace fluence::protect {

const char* name_of(Point point) {
    switch (point) {
        case Point::memory:
            return "memory";
        case Point::pe:
            return "pe";
        case Point::mac_output:
            return "mac_output";
        case Point::activation:
            return "activation";
        case Point::layer_output:
            return "layer_output";
        case Point::inference_end:
            return "inference_end";
    }
    return "";
}

const std::vector<PartInfo>& part_registry() {
    static const std::vector<PartInfo> table = {
        {"parity", Point::memory,
         "one parity bit a word; a word with an odd number of wrong bits reads as zero",
         R"({"part": "parity", "words": ["weight_buffer", "activation_buffer"], "on_due": "refetch",
             "scrub_period_cycles": 0, "interleave": 4})",
         parse_memory_code, write_memory_code, time_memory_code},
        {"sec", Point::memory, "Hamming code a word; one wrong bit is corrected",
         R"({"part": "sec", "words": ["weight_buffer"], "on_due": "zero", "scrub_period_cycles": 0,
             "interleave": 1})",
         parse_memory_code, write_memory_code, time_memory_code},
        {"secded", Point::memory,
         "Hsiao code a word; one wrong bit is corrected, a word with two reads as zero",
         R"({"part": "secded", "words": ["dram", "weight_buffer", "activation_buffer", "output_buffer"],
             "on_due": "zero", "scrub_period_cycles": 0,
             "interleave": 1})",
         parse_memory_code, write_memory_code, time_memory_code},
        {"secded-exthamming", Point::memory, "extended Hamming code a word; corrects and detects as secded",
         R"({"part": "secded-exthamming", "words": ["dram"], "on_due": "abort", "scrub_period_cycles": 1000,
             "interleave": 2})",
         parse_memory_code, write_memory_code, time_memory_code},
        {"selective-ecc", Point::memory,
         "Hamming code for the weights that a plan names, with a protected signature bit a weight",
         R"({"part": "selective-ecc", "plan": {"by": "random", "fraction": 0.1, "seed": 1},
             "words": ["dram", "weight_buffer"], "check_slots": 2, "scrub_period_cycles": 1000,
             "on_due": "zero"})",
         parse_selective_ecc, write_selective_ecc, time_selective_ecc},
        {"register-parity", Point::pe,
         "a parity bit a PE register; an odd number of wrong bits makes the array compute its folds again",
         R"({"part": "register-parity", "registers": ["weight", "activation"], "on_due": "recompute"})",
         parse_register_code, write_register_code, time_register_code},
        {"register-secded", Point::pe, "Hsiao code a PE register; one wrong bit is corrected",
         R"({"part": "register-secded", "registers": ["psum"], "on_due": "abort"})", parse_register_code,
         write_register_code, time_register_code},
        {"register-tmr", Point::pe, "PE registers three times, with a vote behind them",
         R"({"part": "register-tmr", "registers": ["weight", "activation", "psum"]})", parse_register_code,
         write_register_code, time_register_code},
        {"tmr", Point::pe, "whole PEs three times, with a vote behind their registers", R"({"part": "tmr"})",
         parse_register_code, write_register_code, time_register_code},
        {"dmr", Point::pe, "whole PEs twice; where their registers differ the array computes its folds again",
         R"({"part": "dmr", "on_due": "recompute"})", parse_register_code, write_register_code,
         time_register_code},
        {"ppe", Point::pe,
         "protected PEs: a code in the registers of the first columns, which take each layer's least "
         "resilient channels (Schorn)",
         R"({"part": "ppe", "columns": 4, "protection": "register-parity",
             "registers": ["weight", "activation", "psum"], "on_due": "recompute",
             "ranking": {"by": "random", "seed": 1}, "schedule": {"conv1": 8}})",
         parse_ppe, write_ppe, time_register_code},
        {"linear-checksum", Point::mac_output,
         "a checksum column beside the array; detects sums of a pixel and column block that disagree",
         R"({"part": "linear-checksum"})", parse_checksum, write_checksum, time_checksum},
        {"duplicate-filters", Point::mac_output,
         "computes the output channels that a plan names twice and compares their accumulators (FLR)",
         R"({"part": "duplicate-filters", "plan": {"by": "macs", "fraction": 0.25, "seed": 1}})",
         parse_duplication, write_duplication, time_duplication},
        {"zero-on-detection", Point::layer_output,
         "zeroes what the checksum (pixel and column block) or duplicated filters (one output) located",
         R"({"part": "zero-on-detection"})", parse_zero, write_zero, time_zero},
        {"range-restriction", Point::layer_output,
         "clamps or zeroes activations outside the bounds of the calibration profile (Ranger)",
         R"({"part": "range-restriction", "mode": "clamp", "granularity": "channel"})", parse_range,
         write_range, time_range},
        {"relu-check", Point::activation,
         "detects activations that are neither 0 nor what ReLU got, or 0 at the wrong sign",
         R"({"part": "relu-check"})", parse_relu_check, write_relu_check, time_relu_check},
        {"gradient-suppression", Point::layer_output,
         "zeroes codes whose difference to the channel before leaves the calibration's statistics",
         R"({"part": "gradient-suppression", "gate": "always", "statistics": "channel", "threshold": "auto",
             "calibration_images": 200, "buffer_bytes": 65536})",
         parse_gradient, write_gradient, time_filter},
        {"median", Point::layer_output, "replaces every code by the median of three neighbouring channels",
         R"({"part": "median", "buffer_bytes": 65536})", parse_median, write_median, time_filter},
        {"just-say-zero", Point::layer_output,
         "zeroes codes that disagree with both neighbouring channels more than the calibration ever did",
         R"({"part": "just-say-zero", "predicate": "peak", "calibration_images": 200,
             "buffer_bytes": 65536})",
         parse_just_say_zero, write_just_say_zero, time_filter},
        {"confidence-rerun", Point::inference_end,
         "runs an inference again whose softmax confidence is low, and compares (ILR)",
         R"({"part": "confidence-rerun", "top1_confidence": 0.5, "top2_difference": 0.25,
             "compare": "logits", "runs": 3})",
         parse_confidence_rerun, write_confidence_rerun, time_rerun},
        {"temporal-dmr", Point::inference_end,
         "runs every inference twice, and again where the answers differ",
         R"({"part": "temporal-dmr", "compare": "top1", "runs": 3})", parse_temporal_dmr, write_temporal_dmr,
         time_rerun},
        {"due-rerun", Point::inference_end,
         "runs an inference again in which an error was detected and not repaired",
         R"({"part": "due-rerun", "on": ["abort", "zeroed-word", "alarm"], "reruns": 1})", parse_due_rerun,
         write_due_rerun, time_rerun},
    };
    return table;
}

std::vector<std::string> part_names(Point point) {
    std::vector<std::string> names;
    for (const PartInfo& part : part_registry()) {
        if (part.point == point) {
            names.emplace_back(part.name);
        }
    }
    return names;
}

}  // namespace fluence::protect
