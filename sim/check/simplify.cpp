#include "sim/check/simplify.h"

#include <algorithm>
#include <functional>

namespace fluence::check {
namespace {

// Setups that `change` makes different from `setup`, as far as JSON shows.
template <class Part, class Value>
void propose(const Setup& setup, Part Setup::*part, const std::function<void(Part&)>& change,
             const Value& text, std::vector<Setup>& proposals) {
    Setup changed = setup;
    change(changed.*part);
    if (text(changed.*part) != text(setup.*part)) {
        proposals.push_back(std::move(changed));
    }
}

class MachineProposals {
  public:
    explicit MachineProposals(const Setup& setup) : setup_(setup) {}

    void add(const std::function<void(AcceleratorConfig&)>& change) {
        propose<AcceleratorConfig>(
            setup_, &Setup::config, change,
            [](const AcceleratorConfig& config) { return fluence::to_json(config); }, proposals_);
    }
    void array(const std::function<void(ArrayConfig&)>& change) {
        add([&change](AcceleratorConfig& config) { change(config.array); });
    }
    void buffers(const std::function<void(BufferConfig&)>& change) {
        add([&change](AcceleratorConfig& config) {
            for (BufferConfig* buffer :
                 {&config.weight_buffer, &config.activation_buffer, &config.output_buffer}) {
                change(*buffer);
            }
        });
    }
    // Half, then one less.
    void size(int ArrayConfig::*edge) {
        array([edge](ArrayConfig& array) { array.*edge = std::max(1, array.*edge / 2); });
        array([edge](ArrayConfig& array) { array.*edge = std::max(1, array.*edge - 1); });
    }
    std::vector<Setup> take() { return std::move(proposals_); }

  private:
    const Setup& setup_;
    std::vector<Setup> proposals_;
};

void propose_conventions(MachineProposals& to) {
    to.array([](ArrayConfig& a) { a.control = ArrayControl::central; });
    to.array([](ArrayConfig& a) { a.dataflow = "weight-stationary"; });
    to.array([](ArrayConfig& a) { a.multiplier_stages = 0; });
    to.array([](ArrayConfig& a) { a.accumulator_stages = 1; });
    to.array([](ArrayConfig& a) { a.skew = Skew::external; });
    to.array([](ArrayConfig& a) { a.partial_folds = PartialFolds::actual; });
    to.array([](ArrayConfig& a) { a.preload = Preload::overlapped; });
    to.array([](ArrayConfig& a) { a.drain = Drain::shift; });
    to.array([](ArrayConfig& a) { a.fold_overhead = a.single_edge_saving = Cycles(0); });
    to.array([](ArrayConfig& a) { a.operand_bits = 8; });
    to.array([](ArrayConfig& a) { a.overflow = Overflow::wrap; });
    to.array([](ArrayConfig& a) { a.accumulator_bits = 32; });
    to.array([](ArrayConfig& a) { a.shadow_weights = false; });
    to.array([](ArrayConfig& a) { a.operand_register = OperandRegister::output; });
}

void propose_memories(MachineProposals& to) {
    to.add([](AcceleratorConfig& c) { c.activation_buffer.keep_activations = false; });
    to.add([](AcceleratorConfig& c) { c.dram.row_bytes = 0, c.dram.row_miss = Cycles(0); });
    to.add([](AcceleratorConfig& c) { c.dram.burst_bytes = 0; });
    to.add([](AcceleratorConfig& c) { c.dram.latency = Cycles(0); });
    to.add([](AcceleratorConfig& c) { c.dram.bytes_per_cycle = 8; });
    to.add([](AcceleratorConfig& c) { c.vector_unit.lanes = 1; });
    to.add([](AcceleratorConfig& c) { c.vector_unit.pipeline_depth = Cycles(0); });
    to.buffers([](BufferConfig& b) { b.banks = 2; });
    to.buffers([](BufferConfig& b) { b.ports = 1; });
    to.add([](AcceleratorConfig& c) { c.output_buffer.word_bits = 32; });
}

}  // namespace

std::vector<Setup> plainer_policies(const Setup& setup) {
    std::vector<Setup> proposals;
    const auto add = [&](const std::function<void(protect::Policy&)>& change) {
        propose<protect::Policy>(
            setup, &Setup::policy, change,
            [](const protect::Policy& policy) { return protect::to_json(policy); }, proposals);
    };
    add([](protect::Policy& p) {
        protect::Policy plain;
        plain.name = p.name;
        p = plain;
    });
    add([](protect::Policy& p) { p.registers = {}; });
    add([](protect::Policy& p) { p.ppe.reset(); });
    add([](protect::Policy& p) {
        if (p.ppe) {
            p.ppe->schedule.clear();
        }
    });
    add([](protect::Policy& p) { p.confidence_rerun.reset(), p.temporal_dmr.reset(); });
    add([](protect::Policy& p) { p.due_rerun.reset(); });
    add([](protect::Policy& p) { p.gradient.reset(), p.median.reset(), p.just_say_zero.reset(); });
    add([](protect::Policy& p) { p.relu_check.reset(); });
    add([](protect::Policy& p) { p.range.reset(); });
    add([](protect::Policy& p) { p.zero.reset(); });
    add([](protect::Policy& p) { p.checksum.reset(), p.zero.reset(); });
    add([](protect::Policy& p) { p.duplication.reset(), p.zero.reset(); });
    add([](protect::Policy& p) { p.selective_ecc.reset(); });
    for (std::size_t m = 0; m < kMemories.size(); ++m) {
        add([m](protect::Policy& p) { p.memory[m] = {}; });
        add([m](protect::Policy& p) { p.memory[m].scrub_period = Cycles(0); });
        add([m](protect::Policy& p) { p.memory[m].on_due = protect::DueAction::zero; });
    }
    if (setup.range_margin > 0) {
        proposals.push_back(setup);
        proposals.back().range_margin = 0;
    }
    return proposals;
}

std::vector<Setup> plainer_machines(const Setup& setup) {
    MachineProposals proposals(setup);
    propose_conventions(proposals);
    propose_memories(proposals);
    proposals.size(&ArrayConfig::rows);
    proposals.size(&ArrayConfig::cols);
    return proposals.take();
}

}  // namespace fluence::check
