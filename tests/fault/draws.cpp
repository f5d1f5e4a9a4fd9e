#include "tests/fault/draws.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/dataflow/space_time.h"
#include "tests/fault/schedule.h"
#include "tests/support/random_graph.h"

namespace fluence::test {

using fault::SiteClass;
using fault::SiteKind;
using fault::Upset;
using traces::Cycle;

AcceleratorConfig Draw::plain_machine() {
    AcceleratorConfig config;
    config.name = "random";
    config.clock_mhz = 100;
    config.array.rows = between(1, 6);
    config.array.cols = between(1, 6);
    config.array.dataflow = "weight-stationary";
    config.array.operand_register = chance(2) ? OperandRegister::input : OperandRegister::output;
    config.array.shadow_weights = chance(2);
    config.dram.word_bits = one_of(std::array{8, 16, 32, 64});
    config.dram.bytes_per_cycle = one_of(std::array{1, 2, 4, 8, 12});
    config.dram.latency = Cycles(between(0, 9));
    const auto bytes = [&](int word_bits) { return Bytes(2LL * (word_bits / 8) * between(8, 60)); };
    config.weight_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
    config.activation_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
    config.output_buffer.word_bits = one_of(std::array{32, 32, 64, 128});
    config.output_buffer.size = bytes(config.output_buffer.word_bits);
    config.vector_unit.lanes = between(1, 5);
    config.vector_unit.pipeline_depth = Cycles(between(0, 4));
    return config;
}

AcceleratorConfig Draw::travelling_machine() {
    AcceleratorConfig config = plain_machine();
    ArrayConfig& array = config.array;
    array.control = ArrayControl::travelling;
    array.dataflow = one_of(std::array{"weight-stationary", "output-stationary", "input-stationary"});
    const bool sums_stay = array.dataflow_kind() == DataflowKind::output_stationary;
    const bool at_input = sums_stay || chance(2);
    array.operand_register = at_input ? OperandRegister::input : OperandRegister::output;
    array.shadow_weights = at_input && !sums_stay;
    array.preload = chance(3) ? Preload::serial : Preload::overlapped;
    array.operand_bits = one_of(std::array{8, 8, 16});
    array.accumulator_bits = one_of(std::array{32, 32, 20, 16});
    config.activation_buffer.keep_activations = chance(2);
    return config;
}

AcceleratorConfig Draw::any_machine() {
    AcceleratorConfig config = plain_machine();
    ArrayConfig& array = config.array;
    array.dataflow = one_of(std::array{"weight-stationary", "output-stationary", "input-stationary"});
    const bool sums_stay = array.dataflow_kind() == DataflowKind::output_stationary;
    array.shadow_weights = !sums_stay && array.shadow_weights;
    array.preload = chance(3) ? Preload::serial : Preload::overlapped;
    array.multiplier_stages = chance(2) ? between(1, 3) : 0;
    array.accumulator_stages = sums_stay && chance(2) ? between(2, 4) : 1;
    array.drain = chance(2) ? Drain::parallel : Drain::shift;
    array.skew = chance(2) ? Skew::internal : Skew::external;
    array.partial_folds = chance(4) ? PartialFolds::full : PartialFolds::actual;
    array.operand_bits = one_of(std::array{8, 8, 9, 16, 32});
    array.accumulator_bits = one_of(std::array{32, 32, 32, 24, 17, 16});
    array.overflow = chance(3) ? Overflow::saturate : Overflow::wrap;
    array.fold_overhead = Cycles(chance(4) ? between(1, 3) : 0);
    config.activation_buffer.keep_activations = chance(2);
    config.activation_buffer.banks = between(1, 2);
    config.weight_buffer.banks = between(1, 2);
    config.output_buffer.banks = between(1, 2);
    config.activation_buffer.ports = between(1, 2);
    config.output_buffer.ports = between(1, 2);
    return config;
}

protect::Policy Draw::codes() {
    protect::Policy policy;
    policy.name = "random";
    for (const Memory memory : kMemories) {
        policy.memory[index_of(memory)].code = one_of(std::array{"none", "parity", "sec", "secded"});
    }
    if (chance(3)) {
        policy.checksum.emplace();
    }
    return policy;
}

protect::Policy Draw::any_policy(const AcceleratorConfig& config) {
    using protect::DueAction;
    protect::Policy policy = codes();
    const ArrayConfig& array = config.array;
    if (array.dataflow_kind() != DataflowKind::weight_stationary || array.accumulator_bits != 32 ||
        array.overflow != Overflow::wrap) {
        policy.checksum.reset();
    }
    for (const Memory memory : kMemories) {
        protect::MemoryPart& part = policy.memory[index_of(memory)];
        const DueAction own = memory == Memory::output_buffer ? DueAction::recompute
                              : memory == Memory::dram        ? DueAction::zero
                                                              : DueAction::refetch;
        part.on_due = one_of(std::array{DueAction::zero, own, own, own, DueAction::abort});
        if (part.code != std::string("none") && chance(2)) {
            part.scrub_period = Cycles(between(1, 12));
        }
    }
    return policy;
}

namespace {

bool is_register(SiteKind kind) {
    return kind < SiteKind::weight_buffer || kind > SiteKind::neuron;
}
bool moves_along(SiteKind kind) {
    return is_register(kind) && kind != SiteKind::pe_weight_shadow && kind != SiteKind::pe_activation_shadow;
}

std::string describe(const AcceleratorConfig& config, const protect::Policy& policy) {
    std::ostringstream text;
    text << to_json(config).dump() << "\ncodes:";
    for (const Memory memory : kMemories) {
        text << ' ' << policy.memory[index_of(memory)].code << " due "
             << static_cast<int>(policy.memory[index_of(memory)].on_due) << " scrub "
             << policy.memory[index_of(memory)].scrub_period.count() << ',';
    }
    text << (policy.checksum ? " checksum" : "");
    return text.str();
}

}  // namespace

bool draw_case(RandomStream& random, bool real_machine, Case& out) {
    RandomGraphOptions options;
    options.max_blocks = 3;
    options.max_channels = 7;
    options.max_extent = 6;
    options.max_images = 3;
    out.graph = random_graph(random, options);
    out.image = random_image(out.graph, random);
    out.text = describe(out.config, out.policy);
    try {
        out.timeline = real_machine
                           ? accel::run_machine(out.graph, out.config, out.policy, out.image).timeline
                           : random_schedule(out.graph, out.config, out.policy, random);
    } catch (const InputError&) {
        return false;
    }
    return true;
}

Upset draw_upset(RandomStream& random, const Case& c, const std::vector<SiteClass>& sites) {
    Draw draw(random);
    Upset upset;
    const SiteClass& site = sites[random.below(sites.size())];
    upset.site = site.kind;
    upset.unit = static_cast<std::int64_t>(random.below(site.units));
    upset.cycle = static_cast<Cycle>(random.below(c.timeline.cycles));
    const bool aimed = !draw.chance(4);
    const bool buffer = site.kind == SiteKind::weight_buffer || site.kind == SiteKind::activation_buffer;
    if (aimed && (buffer || site.kind == SiteKind::dram)) {
        const traces::Load& load = c.timeline.loads[random.below(c.timeline.loads.size())];
        const auto word = static_cast<std::int64_t>(random.below(load.words()));
        std::int64_t left = word;
        for (const traces::Segment& segment : load.segments) {
            if (left < segment.words) {
                upset.unit = (buffer ? segment.buffer_word : segment.dram_word) + left;
                break;
            }
            left -= segment.words;
        }
        if (buffer) {
            upset.site =
                load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer : SiteKind::activation_buffer;
            upset.cycle = load.write_cycle(word) + draw.between(-2, 60);
            for (const traces::VectorPass& pass : c.timeline.passes) {
                for (const std::int32_t operands : pass.operand_loads) {
                    if (operands >= 0 && &c.timeline.loads[static_cast<std::size_t>(operands)] == &load) {
                        // While the vector unit reads it.
                        upset.cycle = pass.read_cycle(random.below(pass.elements)) + draw.between(-1, 1);
                    }
                }
            }
        } else {
            upset.cycle = load.read_cycle(word) + draw.between(-20, 2);
        }
        if (load.to_vector_unit && buffer) {
            upset.unit = 0;
        }
    } else if (aimed && !c.timeline.folds.empty()) {
        const traces::Fold& fold = c.timeline.folds[random.below(c.timeline.folds.size())];
        const ArrayConfig& array = c.config.array;
        const auto length = static_cast<int>(fold.end - fold.preload);
        upset.cycle = fold.preload + draw.between(-2, length + 8);
        if (moves_along(site.kind) && !draw.chance(3)) {
            // The diagonal of the array that some step of the fold is on.
            const std::int64_t pe = upset.unit % (array.rows * array.cols);
            const int stages = array.multiplier_stages + array.accumulator_stages;
            upset.cycle =
                fold.stream + pe / array.cols + pe % array.cols +
                draw.between(-1, static_cast<int>(dataflow::SpaceTimeMap(array).steps(fold)) + stages);
        }
        if (site.kind == SiteKind::output_buffer) {
            const std::int64_t accumulator =
                fold.accumulator + random.below(static_cast<std::uint64_t>(fold.pixels * fold.channels));
            upset.unit = accumulator * 32 / c.config.output_buffer.word_bits;
        }
    }
    upset.cycle = std::min(std::max<Cycle>(upset.cycle, 0), c.timeline.cycles - 1);
    const int flips = draw.chance(3) ? draw.between(2, 4) : 1;
    for (int i = 0; i < flips; ++i) {
        // Now and then a check bit that this policy does not have.
        upset.bits.flip(random.below(site.bits + (draw.chance(20) ? 3 : 0)));
    }
    if (upset.bits.none()) {
        upset.bits.set(0);
    }
    return upset;
}

std::string describe(const Upset& upset) {
    std::ostringstream text;
    text << name_of(upset.site) << " unit " << upset.unit << " cycle " << upset.cycle << " bits";
    for (std::size_t i = 0; i < upset.bits.size(); ++i) {
        if (upset.bits[i]) {
            text << ' ' << i;
        }
    }
    if (upset.held != traces::Held::no) {
        text << (upset.held == traces::Held::at_1 ? " held at 1" : " held at 0");
    }
    return text.str();
}

Upset draw_companion(RandomStream& random, const Case& c, const std::vector<SiteClass>& sites,
                     const Upset& first) {
    Draw draw(random);
    Upset upset = draw_upset(random, c, sites);
    const bool word = first.site >= SiteKind::weight_buffer && first.site <= SiteKind::dram;
    switch (draw.between(0, 4)) {
        case 0:
            return upset;  // anything
        case 1:
            upset.site = first.site;
            upset.unit = first.unit;
            upset.cycle = first.cycle + (draw.chance(2) ? 0 : draw.between(0, word ? 80 : 3));
            break;
        case 2:
            for (std::size_t l = 0; l < c.timeline.loads.size() && word; ++l) {
                const traces::Load& load = c.timeline.loads[l];
                for (const traces::Segment& s : load.segments) {
                    const std::int64_t at = first.unit - s.dram_word;
                    if (first.site == SiteKind::dram && !load.to_vector_unit && at >= 0 && at < s.words) {
                        upset.site = load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer
                                                                          : SiteKind::activation_buffer;
                        upset.unit = s.buffer_word + at;
                        upset.cycle = load.done() + draw.between(-3, 30);
                    }
                }
            }
            break;
        default:
            // The same diagonal, or nearly.
            if (is_register(upset.site)) {
                upset.cycle = first.cycle + draw.between(-2, c.config.array.rows + c.config.array.cols);
            } else if (upset.site == SiteKind::output_buffer) {
                upset.cycle = first.cycle + draw.between(0, 12);
            }
            break;
    }
    upset.cycle = std::min(std::max<Cycle>(upset.cycle, 0), c.timeline.cycles - 1);
    return upset;
}

std::uint64_t seed_of_run() {
    const char* given = std::getenv("FLUENCE_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 20240817;
}

int upsets_of_run() {
    const char* given = std::getenv("FLUENCE_TEST_UPSETS");
    return given != nullptr ? std::atoi(given) : 2500;
}

}  // namespace fluence::test
