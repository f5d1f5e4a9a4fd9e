#include "tests/fault/stepper.h"

#include <algorithm>
#include <stdexcept>

#include "tests/fault/stepper_machine.h"

namespace fluence::test {

Stepper::Stepper(const workloads::Graph& graph, const AcceleratorConfig& config,
                 const protect::Policy& policy, const traces::Timeline& timeline,
                 const workloads::Codes& image)
    : graph_(graph),
      config_(config),
      policy_(policy),
      timeline_(timeline),
      image_(image),
      map_(graph, config),
      control_(std::make_unique<Control>()) {
    Control& control = *control_;
    control.at(timeline.cycles - 1);
    for (std::size_t i = 0; i < timeline.loads.size(); ++i) {
        std::int64_t position = 0;
        for (const Segment& segment : timeline.loads[i].segments) {
            for (std::int64_t w = 0; w < segment.words; ++w, ++position) {
                const Control::Word word{static_cast<int>(i), segment.dram_word + w, segment.buffer_word + w};
                control.at(timeline.loads[i].read_cycle(position)).load_reads.push_back(word);
                control.at(timeline.loads[i].write_cycle(position)).load_writes.push_back(word);
            }
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        std::int64_t position = 0;
        for (const Segment& segment : timeline.stores[i].segments) {
            for (std::int64_t w = 0; w < segment.words; ++w, ++position) {
                control.at(timeline.stores[i].write_cycle(position))
                    .store_writes.push_back({static_cast<int>(i), segment.dram_word + w, 0});
            }
        }
    }
    const auto decode = [&](Memory memory) { return timeline.decode_cycles[index_of(memory)]; };
    for (std::size_t i = 0; i < timeline.folds.size(); ++i) {
        const Fold& fold = timeline.folds[i];
        const auto id = static_cast<int>(i);
        for (int j = 0; j < config.array.rows; ++j) {
            const Control::WeightRow row{id, config.array.rows - 1 - j};  // the last row goes in first
            control.at(fold.preload + j).shifts.push_back(row);
            if (row.row < fold.used_rows) {
                control.at(fold.preload + j - 1 - decode(Memory::weight_buffer)).weight_reads.push_back(row);
            }
        }
        for (std::int64_t m = 0; m < fold.pixels; ++m) {
            for (int r = 0; r < config.array.rows; ++r) {  // row r lags r cycles behind row 0
                control.at(fold.stream + m + r).feeds.push_back({id, m, r});
                control.at(fold.stream + m + r - 1 - decode(Memory::activation_buffer))
                    .activation_reads.push_back({id, m, r});
            }
        }
    }
    for (std::size_t i = 0; i < timeline.passes.size(); ++i) {
        for (std::int64_t e = 0; e < timeline.passes[i].elements; ++e) {
            control.at(timeline.passes[i].begin + e / timeline.passes[i].lanes)
                .vector_reads.push_back({static_cast<int>(i), e});
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        const TensorId tensor = timeline.stores[i].tensor;
        const int bytes = workloads::width_bits(graph.tensor(tensor).format) / 8;
        const auto count = static_cast<std::size_t>(graph.tensor(tensor).shape.elements());
        if (i > 0 && timeline.stores[i - 1].tensor == tensor) {
            continue;
        }
        for (std::size_t e = 0; e < count; ++e) {
            const std::int64_t word = map_.activation_word(tensor, static_cast<std::int64_t>(e));
            int bit = map_.activation_bit(tensor, static_cast<std::int64_t>(e));
            for (int b = 0; b < bytes; ++b, bit += 8) {
                control.activation_bytes[word + bit / config.dram.word_bits].push_back(
                    {e, b, bit % config.dram.word_bits});
            }
        }
    }
    // When sums reach the end of their column: found by sending the tags alone through the array.
    Machine machine(*this);
    for (std::size_t t = 0; t < control.steps.size(); ++t) {
        const Control::Step* next = t + 1 < control.steps.size() ? &control.steps[t + 1] : nullptr;
        Control::Step tags;
        tags.feeds = control.steps[t].feeds;
        machine.edge(static_cast<Cycle>(t), tags, next);
        for (int c = 0; c < config.array.cols; ++c) {
            const Tag& tag = machine.sum.back()[static_cast<std::size_t>(c)].tag;
            if (tag.fold >= 0 && timeline.folds[static_cast<std::size_t>(tag.fold)].k_fold > 0 &&
                c < timeline.folds[static_cast<std::size_t>(tag.fold)].used_cols) {
                control.at(static_cast<Cycle>(t) - decode(Memory::output_buffer))
                    .accumulator_reads.push_back({tag, c});
            }
        }
    }
}

Stepper::~Stepper() = default;

StepperResult Stepper::run(const std::vector<fault::Upset>& upsets) {
    Machine machine(*this);
    const auto& steps = control_->steps;
    // Of two that hold the same bit the one that began later counts.
    std::vector<fault::Upset> in_order;
    std::copy_if(upsets.begin(), upsets.end(), std::back_inserter(in_order),
                 [](const fault::Upset& upset) { return upset.held != traces::Held::no; });
    std::stable_sort(in_order.begin(), in_order.end(),
                     [](const fault::Upset& a, const fault::Upset& b) { return a.cycle < b.cycle; });
    for (std::size_t t = 0; t < steps.size(); ++t) {
        machine.edge(static_cast<Cycle>(t), steps[t], t + 1 < steps.size() ? &steps[t + 1] : nullptr);
        for (const fault::Upset& upset : upsets) {
            if (upset.held == traces::Held::no && upset.cycle == static_cast<Cycle>(t)) {
                machine.strike(upset);
            }
        }
        for (const fault::Upset& held : in_order) {
            if (held.cycle <= static_cast<Cycle>(t)) {
                machine.strike(held);
            }
        }
        machine.cycle(static_cast<Cycle>(t), steps[t]);
    }
    // The host takes the logits out of DRAM.
    Codes& logits = machine.result.tensors[index_of(graph_.logits)];
    std::map<std::int64_t, WordBits> words;
    const int word_bits = config_.dram.word_bits;
    for (std::size_t e = 0; e < logits.size(); ++e) {
        std::uint32_t bits = 0;
        for (int byte = 0; byte < 4; ++byte) {
            const int at = map_.activation_bit(graph_.logits, static_cast<std::int64_t>(e)) + 8 * byte;
            const std::int64_t word =
                map_.activation_word(graph_.logits, static_cast<std::int64_t>(e)) + at / word_bits;
            if (words.count(word) == 0) {
                words[word] = machine.dram.read(word);
            }
            bits |= get_bits(words[word], at % word_bits, 8) << (8 * byte);
        }
        logits[e] = static_cast<std::int32_t>(bits);
    }
    StepperResult result = std::move(machine.result);
    for (const WordMemory* memory :
         {&machine.dram, &machine.weight_buffer, &machine.activation_buffer, &machine.output_buffer}) {
        result.corrected |= memory->corrected;
        result.detected |= memory->detected;
    }
    // A flatten moves nothing: its tensor is its input's.
    for (const Layer& layer : graph_.layers) {
        if (layer.kind == OpKind::flatten) {
            result.tensors[index_of(layer.output)] = result.tensors[index_of(layer.inputs[0])];
        }
    }
    return result;
}

}  // namespace fluence::test
