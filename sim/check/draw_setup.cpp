#include <algorithm>

#include "sim/check/draw.h"
#include "sim/core/error.h"
#include "sim/protect/just_say_zero.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/register_code.h"
#include "sim/protect/registry.h"
#include "sim/protect/rerun.h"
#include "workloads/random_graph.h"

namespace fluence::check {
namespace {

void draw_conventions(Draw& draw, ArrayConfig& array) {
    array.dataflow = draw.one_of(std::array{"weight-stationary", "output-stationary", "input-stationary"});
    const bool stationary_sum = array.dataflow_kind() == DataflowKind::output_stationary;
    array.operand_register = draw.chance(2) ? OperandRegister::input : OperandRegister::output;
    array.shadow_weights = draw.chance(2) && !stationary_sum;
    array.preload = draw.chance(3) ? Preload::serial : Preload::overlapped;
    array.drain = draw.chance(2) ? Drain::parallel : Drain::shift;
    array.skew = draw.chance(3) ? Skew::internal : Skew::external;
    array.partial_folds = draw.chance(3) ? PartialFolds::full : PartialFolds::actual;
    if (draw.chance(3)) {
        array.control = ArrayControl::travelling;
        if (stationary_sum) {
            array.operand_register = OperandRegister::input;
        } else {
            array.shadow_weights = array.operand_register == OperandRegister::input;
        }
    } else {
        array.multiplier_stages = draw.chance(2) ? 0 : draw.between(1, 3);
        array.accumulator_stages = stationary_sum && draw.chance(2) ? draw.between(2, 4) : 1;
    }
}

void draw_widths(Draw& draw, ArrayConfig& array) {
    array.operand_bits = draw.one_of(std::array{8, 8, 8, 9, 16, 32});
    array.accumulator_bits = draw.one_of(std::array{32, 32, 32, 24, 20, 18, 17, 16});
    array.overflow = draw.chance(3) ? Overflow::saturate : Overflow::wrap;
    if (draw.chance(4)) {
        array.fold_overhead = Cycles(draw.between(1, 5));
        array.single_edge_saving = Cycles(draw.between(0, static_cast<int>(array.fold_overhead.count())));
    }
}

BufferConfig draw_buffer(Draw& draw, int word_bits) {
    BufferConfig buffer;
    buffer.word_bits = word_bits;
    // At least as many bytes as small tiles need, whatever the word.
    const int least = word_bits < 64 ? 24 : 8;
    buffer.size = Bytes(std::int64_t{2} * buffer.word_bytes() * draw.between(least, 90));
    buffer.banks = draw.between(1, 2);
    buffer.ports = draw.between(1, 2);
    return buffer;
}

void draw_memories(Draw& draw, AcceleratorConfig& config) {
    DramConfig& dram = config.dram;
    dram.word_bits = draw.one_of(std::array{8, 16, 32, 64, 128});
    dram.bytes_per_cycle = draw.one_of(std::array{1, 2, 4, 8, 12, 16, 32});
    dram.latency = Cycles(draw.chance(6) ? draw.between(10, 40) : draw.between(0, 9));
    if (draw.chance(3)) {
        dram.row_bytes = dram.word_bytes() * draw.one_of(std::array{1, 2, 3, 8, 32});
        dram.row_miss = Cycles(draw.between(0, 12));
    }
    if (draw.chance(3)) {
        dram.burst_bytes = dram.word_bytes() * draw.between(1, 5);
    }
    config.weight_buffer = draw_buffer(draw, dram.word_bits);
    config.activation_buffer = draw_buffer(draw, dram.word_bits);
    config.activation_buffer.keep_activations = draw.chance(2);
    config.output_buffer = draw_buffer(draw, draw.one_of(std::array{32, 32, 64, 128}));
}

Cycles draw_scrub_period(Draw& draw) {
    return Cycles(draw.chance(2) ? draw.between(1, 8) : draw.between(9, 200));
}

// Weights of DRAM, and mostly of the weight buffer.
void draw_selective_ecc(Draw& draw, protect::Policy& policy) {
    protect::SelectiveEccPart part;
    part.plan.by = draw.chance(2) ? "random" : "magnitude";
    part.plan.fraction = draw.between(0, 10) / 10.0;
    part.plan.seed = static_cast<std::uint64_t>(draw.between(1, 1000));
    part.weight_buffer = !draw.chance(4);
    part.check_slots = draw.between(1, 16);
    const auto action = draw.chance(4) ? protect::DueAction::abort : protect::DueAction::zero;
    const Cycles scrub_period = draw.chance(2) ? draw_scrub_period(draw) : Cycles(0);
    policy.memory[index_of(Memory::dram)] = {"none", action, scrub_period};
    if (part.weight_buffer) {
        policy.memory[index_of(Memory::weight_buffer)] = {"none", action, scrub_period};
    }
    policy.selective_ecc = part;
}

void draw_memory_part(Draw& draw, Memory memory, protect::MemoryPart& part) {
    using protect::DueAction;
    std::vector<std::string> codes = protect::part_names(protect::Point::memory);
    codes.erase(std::find(codes.begin(), codes.end(), "selective-ecc"));
    const int choice = draw.between(-static_cast<int>(codes.size()) / 2, static_cast<int>(codes.size()) - 1);
    if (choice < 0) {
        return;
    }
    part.code = codes[static_cast<std::size_t>(choice)];
    const bool buffer = memory == Memory::weight_buffer || memory == Memory::activation_buffer;
    const DueAction repair = buffer                            ? DueAction::refetch
                             : memory == Memory::output_buffer ? DueAction::recompute
                                                               : DueAction::zero;
    part.on_due = draw.one_of(std::array{DueAction::zero, DueAction::abort, repair, repair});
    if (draw.chance(2) && protect::memory_code(part.code).strength().corrects > 0) {
        part.scrub_period = draw_scrub_period(draw);
    }
}

void draw_register_part(Draw& draw, protect::RegisterPart& part) {
    const std::vector<std::string> codes = protect::register_code_names();  // the first one is "none"
    part.code = codes[static_cast<std::size_t>(1 + draw.below(static_cast<std::int64_t>(codes.size()) - 1))];
    if (protect::register_code(part.code).detects()) {
        part.on_due = draw.chance(4) ? protect::RegisterAction::abort : protect::RegisterAction::recompute;
    }
}

// Whole PEs are copied with all their registers.
void draw_registers(Draw& draw, protect::Policy& policy) {
    for (protect::RegisterPart& part : policy.registers) {
        if (!draw.chance(2)) {
            continue;
        }
        draw_register_part(draw, part);
        if (protect::register_code(part.code).whole_pe()) {
            policy.registers.fill(part);
            return;
        }
    }
}

protect::PpePart::Split draw_split(Draw& draw, bool share, int cols) {
    protect::PpePart::Split split;
    if (share) {
        split.share = draw.between(0, 8) / 8.0;
    } else {
        split.columns = draw.between(0, cols);
    }
    return split;
}

// At most one filter. Thresholds that the image itself exceeds are among them.
void draw_filter(Draw& draw, protect::Policy& policy) {
    const std::int64_t bytes = draw.chance(8) ? draw.between(1, 400) : 1 << 16;
    switch (draw.between(0, 6)) {
        case 0:
            policy.median = protect::MedianPart{bytes};
            break;
        case 1: {
            const auto& predicates = protect::zero_predicates();
            const auto at = draw.below(static_cast<std::int64_t>(predicates.size()));
            policy.just_say_zero = {predicates[static_cast<std::size_t>(at)].name, 1, bytes};
            break;
        }
        case 2:
        case 3: {
            using Part = protect::GradientPart;
            Part part;
            part.gate = draw.chance(3) ? Part::Gate::always : Part::Gate::detection;
            part.statistics = draw.one_of(
                std::array{Part::Statistics::layer, Part::Statistics::channel, Part::Statistics::neuron});
            part.threshold = draw.chance(2) ? 0 : draw.between(1, 16) / 4.0;
            part.calibration_images = 1;
            part.buffer_bytes = bytes;
            if (part.gate == Part::Gate::detection) {
                policy.zero.reset();  // refused together
            }
            policy.gradient = part;
            break;
        }
        default:
            break;
    }
    policy.relu_check = draw.chance(4) ? std::optional(protect::ReluCheckPart()) : std::nullopt;
}

}  // namespace

AcceleratorConfig draw_machine(RandomStream& random) {
    Draw draw(random);
    AcceleratorConfig config;
    config.name = "drawn";
    config.clock_mhz = 100;
    config.array.rows = draw.between(1, 9);
    config.array.cols = draw.between(1, 9);
    draw_conventions(draw, config.array);
    draw_widths(draw, config.array);
    draw_memories(draw, config);
    config.vector_unit.lanes = draw.between(1, 5);
    config.vector_unit.pipeline_depth = Cycles(draw.between(0, 4));
    return config;
}

protect::Policy draw_policy(RandomStream& random) {
    Draw draw(random);
    protect::Policy policy;
    policy.name = "drawn";
    for (const Memory memory : kMemories) {
        draw_memory_part(draw, memory, policy.memory[index_of(memory)]);
    }
    if (draw.chance(4)) {
        draw_selective_ecc(draw, policy);
    }
    if (draw.chance(3)) {
        draw_registers(draw, policy);
    }
    const bool duplicates = draw.chance(4);
    if (duplicates) {
        policy.duplication.emplace();
        policy.duplication->plan.by = draw.chance(2) ? "random" : "macs";
        policy.duplication->plan.fraction = draw.between(0, 10) / 10.0;
        policy.duplication->plan.seed = static_cast<std::uint64_t>(draw.between(1, 1000));
    } else if (draw.chance(2)) {  // many machines cannot have one
        policy.checksum.emplace();
    }
    if ((policy.checksum || policy.duplication) && draw.chance(2)) {
        policy.zero.emplace();
    }
    if (draw.chance(3)) {
        policy.range.emplace();
        policy.range->mode =
            draw.chance(2) ? protect::RangePart::Mode::zero : protect::RangePart::Mode::clamp;
        policy.range->granularity = draw.chance(2) ? protect::RangePart::Granularity::channel
                                                   : protect::RangePart::Granularity::layer;
    }
    draw_filter(draw, policy);
    return policy;
}

protect::Policy draw_word_policy(RandomStream& random) {
    using protect::DueAction;
    Draw draw(random);
    protect::Policy policy;
    policy.name = "drawn";
    for (const Memory memory : kMemories) {
        protect::MemoryPart& part = policy.memory[index_of(memory)];
        draw_memory_part(draw, memory, part);
        part.on_due = part.on_due == DueAction::abort ? DueAction::abort : DueAction::zero;
        part.scrub_period = Cycles(0);
    }
    return policy;
}

void draw_ppe(RandomStream& random, const workloads::Graph& graph, int cols, protect::Policy& policy) {
    if (policy.duplication) {
        return;  // which says what columns compute, too
    }
    Draw draw(random);
    protect::PpePart ppe;
    const bool share = draw.chance(2);
    ppe.split = draw_split(draw, share, cols);
    protect::RegisterPart code;
    draw_register_part(draw, code);
    ppe.registers.fill(code);
    if (!protect::register_code(code.code).whole_pe()) {
        ppe.registers[static_cast<std::size_t>(draw.below(kRegisterRoleCount))] =
            draw.chance(2) ? code : protect::RegisterPart();
    }
    if (draw.chance(3)) {
        ppe.ranking.by = protect::RankingPart::By::magnitude;
    } else {
        ppe.ranking.by = protect::RankingPart::By::random;
        ppe.ranking.seed = static_cast<std::uint64_t>(draw.below(1000));
    }
    for (const workloads::Layer& layer : graph.layers) {
        if (layer.has_macs() && draw.chance(4)) {
            ppe.schedule[layer.name] = draw_split(draw, share, cols);
        }
    }
    policy.ppe = std::move(ppe);
}

void draw_inference_end(RandomStream& random, protect::Policy& policy) {
    Draw draw(random);
    const auto compare = [&] {
        return draw.chance(2) ? protect::AnswerCompare::logits : protect::AnswerCompare::top1;
    };
    if (protect::detects(policy) && draw.chance(2)) {
        policy.due_rerun = {draw.chance(2), draw.chance(2), draw.chance(2), draw.between(1, 2)};
        policy.due_rerun->aborted |= !policy.due_rerun->zeroed && !policy.due_rerun->alarm;
    }
    switch (draw.between(0, 3)) {
        case 0:
            policy.temporal_dmr = {compare(), draw.between(2, 4)};
            break;
        case 1:
        case 2: {
            protect::ConfidenceRerunPart part;
            part.top1_confidence = draw.chance(2) ? draw.between(1, 10) / 10.0 : 0;
            part.top2_difference =
                part.top1_confidence == 0 || draw.chance(2) ? draw.between(1, 10) / 10.0 : 0;
            part.compare = compare();
            part.runs = draw.between(2, 4);
            policy.confidence_rerun = part;
            break;
        }
        default:
            break;
    }
}

Setup draw_setup(RandomStream& random, int& refused) {
    for (refused = 0;; ++refused) {
        Setup setup;
        Draw draw(random);
        workloads::RandomGraphOptions options;
        options.max_blocks = draw.between(1, 3);
        options.max_channels = draw.between(3, 8);
        options.max_extent = draw.between(3, 7);
        options.max_images = 3;
        setup.graph = workloads::random_graph(random, options);
        setup.image = workloads::random_image(setup.graph, random);
        setup.config = draw_machine(random);
        setup.policy = draw_policy(random);
        if (setup.config.array.dataflow_kind() == DataflowKind::input_stationary) {
            setup.policy.checksum.reset();  // refused: activations do not leave the array
            if (!setup.policy.duplication) {
                setup.policy.zero.reset();
            }
        }
        if (setup.config.array.dataflow_kind() != DataflowKind::input_stationary && draw.chance(3)) {
            draw_ppe(random, setup.graph, setup.config.array.cols, setup.policy);
        }
        if (draw.chance(4)) {
            draw_inference_end(random, setup.policy);
        }
        setup.range_margin = draw.chance(2) ? 0 : draw.between(1, 40);
        try {
            check_runnable(setup);
        } catch (const InputError&) {
            continue;
        }
        return setup;
    }
}

}  // namespace fluence::check
