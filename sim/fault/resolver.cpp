#include "sim/fault/resolver.h"

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "sim/dataflow/registers.h"
#include "sim/fault/accumulator_sites.h"
#include "sim/fault/checksum_sites.h"
#include "sim/fault/duplicate_sites.h"
#include "sim/fault/effects.h"
#include "sim/fault/filter_sites.h"
#include "sim/fault/held_registers.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/neuron_disturbance.h"
#include "sim/fault/register_sites.h"
#include "sim/fault/register_verdicts.h"
#include "sim/fault/site_table.h"
#include "sim/fault/sites.h"
#include "sim/fault/stepped_array.h"
#include "sim/fault/vector_path.h"
#include "sim/fault/vector_sites.h"
#include "sim/fault/word_sites.h"
#include "sim/protect/detection.h"

namespace fluence::fault {
namespace {

// The struck bits that the site has, of `width`.
WordBits present(const WordBits& bits, int width) {
    const auto cut = static_cast<std::size_t>(kMaxWordBits - width);
    return bits << cut >> cut;
}

}  // namespace

struct Resolver::Impl {
    const std::vector<arith::OutputBounds> bounds;
    MachineView machine;
    NeuronDisturbance disturbance;
    std::vector<SiteClass> sites;

    Impl(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
         const traces::Timeline& timeline, const std::vector<arith::OutputBounds>* output_bounds)
        : bounds(output_bounds != nullptr ? *output_bounds : std::vector<arith::OutputBounds>()),
          machine(graph, config, policy, timeline),
          disturbance(graph, config, policy),
          sites(site_classes(graph, config, policy)) {}

    // Bits of a unit of the upset's site; 0 where the machine has no such site.
    int site_bits(const Upset& upset) const {
        if (traces::is_value(upset.site)) {
            const auto layer = static_cast<std::size_t>(upset.layer);
            if (upset.layer < 0 || layer >= machine.graph.layers.size() ||
                (upset.site != SiteKind::neuron && !machine.graph.layers[layer].has_macs())) {
                throw std::out_of_range(std::string("upset of ") + name_of(upset.site) + ": no layer " +
                                        std::to_string(upset.layer));
            }
            if (traces::is_disturbance(upset.site)) {
                return disturbance.reaches(layer_id(layer)) ? kMaxWordBits : 0;
            }
            if (upset.site == SiteKind::weight) {
                check_unit(upset, static_cast<std::int64_t>(machine.graph.layers[layer].weights.size()));
                return workloads::width_bits(workloads::NumberFormat::s8);
            }
            const workloads::TensorInfo& output = machine.graph.tensor(machine.graph.layers[layer].output);
            check_unit(upset, output.shape.elements());
            return workloads::width_bits(upset.site == SiteKind::mac_output ? workloads::NumberFormat::s32
                                                                            : output.format);
        }
        for (const SiteClass& site : sites) {
            if (site.kind == upset.site) {
                const bool may_be_absent = upset.site == SiteKind::dram || depends_on_policy(site.kind);
                if (may_be_absent && upset.unit >= site.units) {
                    return 0;
                }
                check_unit(upset, site.units);
                const bool in_array = dataflow::register_bank(machine.config.array, upset.site).has_value();
                return in_array ? machine.register_bits(upset.site, upset.unit) : site.bits;
            }
        }
        return 0;
    }

    static void check_unit(const Upset& upset, std::int64_t units) {
        if (upset.unit < 0 || upset.unit >= units) {
            throw std::out_of_range(std::string("upset of ") + name_of(upset.site) + ": no unit " +
                                    std::to_string(upset.unit) + " (valid: 0 to " +
                                    std::to_string(units - 1) + ")");
        }
    }

    WordBits bits_of(const Upset& upset) const {
        int bits = site_bits(upset);
        if (bits > 0 && upset.site == SiteKind::dram) {
            bits = machine.selective.cells(Memory::dram, upset.unit, bits);
        }
        if (upset.held != traces::Held::no && bits > 0) {
            if (!traces::is_array_register(upset.site)) {
                throw std::invalid_argument(std::string("no bits are held in ") + name_of(upset.site));
            }
            // Of the register itself: its check bits and further copies are right.
            bits = dataflow::register_bank(machine.config.array, upset.site)->bits;
        }
        return present(upset.bits, bits);
    }

    // What is known of the upset before anything else is.
    Resolution held_bits(const Upset& upset) const {
        Resolution resolution;
        const std::uint32_t bits = low_32(bits_of(upset));
        resolution.golden_bits = upset.held == traces::Held::at_0 ? bits : 0;
        resolution.faulty_bits = resolution.golden_bits ^ bits;
        resolution.dead = bits == 0 ? DeadReason::absent : DeadReason::none;
        return resolution;
    }

    // A struck weight as its DRAM word; others as they are.
    Upset stored(const Upset& upset) const {
        if (upset.site != SiteKind::weight) {
            return upset;
        }
        const WordBits bits = bits_of(upset);
        const LayerId layer = layer_id(static_cast<std::size_t>(upset.layer));
        Upset word;
        word.site = SiteKind::dram;
        word.unit = machine.memory.weight_word(layer, upset.unit);
        word.cycle = upset.cycle;
        word.bits = bits << static_cast<std::size_t>(machine.memory.weight_bit(layer, upset.unit));
        return word;
    }

    // `engine`: null, or later layers meet what earlier ones left.
    Resolution resolve(const Upset* first, const Upset* last, const arith::GoldenRun& golden,
                       arith::Engine* engine) const;
    // Control bits travel on while layers follow each other, so that one upset may strike several.
    bool reaches_several_layers(const Upset& upset) const {
        const ArrayConfig& array = machine.config.array;
        return array.control == ArrayControl::travelling && dataflow::register_bank(array, upset.site);
    }

  private:
    // One resolution: what the upsets leave wrong, and then layer by layer what comes of it.
    class Run;
};

class Resolver::Impl::Run {
  public:
    // `holds`: some of the upsets hold bits.
    Run(const Impl& impl, const arith::GoldenRun& golden, arith::Engine* engine, bool joint, bool holds)
        : machine_(impl.machine),
          disturbance_(impl.disturbance),
          golden_(golden),
          bounds_(impl.bounds),
          engine_(engine),
          joint_(joint),
          holds_(holds),
          golden_tensors_(golden.tensors),
          met_(golden.tensors),
          golden_sums_(machine_, golden_tensors_),
          golden_registers_(golden_sums_),
          golden_words_(machine_.graph, golden),
          effects_(machine_),
          registers_(machine_, golden_registers_, effects_),
          checksum_(machine_, golden_sums_, effects_),
          vector_({machine_, golden_sums_, &golden_, golden_sums_, golden_, impl.bounds}, effects_),
          duplicates_(machine_, golden_sums_, effects_),
          filters_({machine_, golden_sums_, &golden_, golden_sums_, golden_, impl.bounds}, effects_),
          words_(machine_, golden_words_, effects_, verdicts_),
          stepped_(machine_, joint),
          held_(machine_) {}

    void add(const Upset& upset, const WordBits& bits) {
        switch (upset.site) {
            case SiteKind::neuron:
                return neuron(upset, low_32(bits));
            case SiteKind::mac_output:
                return mac_output(upset, low_32(bits));
            case SiteKind::neuron_dropout:
            case SiteKind::neuron_noise:
                return disturb(upset);
            case SiteKind::dram:
            case SiteKind::weight_buffer:
            case SiteKind::activation_buffer:
            case SiteKind::output_buffer:
                return add_word(upset, bits);
            case SiteKind::checksum_weight:
            case SiteKind::checksum_activation:
            case SiteKind::checksum_product:
            case SiteKind::checksum_psum:
            case SiteKind::checksum_sum:
            case SiteKind::checksum_compare:
                return checksum_.strike(upset, low_64(bits), result_);
            case SiteKind::vector_pipeline:
            case SiteKind::vector_parameter:
            case SiteKind::relu_operand:
            case SiteKind::range_bound:
                return vector_.strike(upset, bits, result_);
            case SiteKind::duplicate_sum:
            case SiteKind::duplicate_compare:
                return duplicates_.strike(upset, low_32(bits), result_);
            case SiteKind::filter_buffer:
            case SiteKind::filter_threshold:
                return filters_.strike(upset, low_32(bits), result_);
            case SiteKind::kept_answer:
            case SiteKind::confidence_threshold:
                result_.dead = DeadReason::never_read;  // by a run: the request reads it
                return;
            default:
                if (upset.held != traces::Held::no) {
                    const std::uint32_t mask = low_32(bits);
                    const std::uint32_t value = upset.held == traces::Held::at_1 ? mask : 0;
                    return held_.hold({upset.site, upset.unit, upset.cycle, mask, value});
                }
                return add_register(upset, judge_register(machine_, upset, bits, verdicts_, result_));
        }
    }

    Resolution finish() {
        strike_words();
        stepped_.finish();
        held_.finish();
        if (!holds_ && judged()) {
            return std::move(result_);
        }
        for (const LayerId layer : struck_layers()) {
            resolve_layer(layer);
        }
        held_.end_run(golden_sums_, verdicts_);
        if (holds_ && judged()) {
            result_.faults.clear();
            return std::move(result_);
        }
        read_logits();
        if (!result_.faults.empty()) {
            result_.dead = DeadReason::none;
        } else if (result_.dead == DeadReason::none) {
            result_.dead = DeadReason::no_effect;
        }
        return std::move(result_);
    }

  private:
    // Whether the codes ended the inference. What they say of held bits is known behind the last layer.
    bool judged() {
        verdicts_.finish(result_);
        result_.dead = result_.aborted ? DeadReason::none : result_.dead;
        return result_.aborted;
    }

    struct StruckWord {
        SiteKind site{};
        std::int64_t word = 0;
        std::vector<Strike> strikes;
    };

    // `mask`: the bits that are wrong in what leaves the register.
    void add_register(const Upset& upset, std::uint32_t mask) {
        if (mask == 0) {
            return;
        }
        if (holds_) {
            return held_.strike({upset.site, upset.unit, upset.cycle, mask});
        }
        if (machine_.config.array.control == ArrayControl::travelling) {
            return stepped_.add({upset.site, upset.unit, upset.cycle, mask});
        }
        registers_.strike(upset, mask, result_);
    }

    void add_word(const Upset& upset, const WordBits& bits) {
        for (StruckWord& struck : struck_words_) {
            if (struck.site == upset.site && struck.word == upset.unit) {
                struck.strikes.push_back({upset.cycle, bits});
                return;
            }
        }
        struck_words_.push_back({upset.site, upset.unit, {{upset.cycle, bits}}});
    }

    void neuron(const Upset& upset, std::uint32_t mask) {
        const LayerId layer = layer_id(static_cast<std::size_t>(upset.layer));
        const TensorId output = machine_.graph.layer(layer).output;
        const auto code = static_cast<std::uint32_t>(
            golden_.tensors[index_of(output)][static_cast<std::size_t>(upset.unit)]);
        const int width = workloads::width_bits(machine_.graph.tensor(output).format);
        result_.golden_bits = width == 32 ? code : code & ((std::uint32_t{1} << width) - 1);
        result_.faulty_bits = result_.golden_bits ^ mask;
        result_.layer = upset.layer;
        flip_output(effects_.of(layer).outputs, upset.unit, mask);
    }

    void mac_output(const Upset& upset, std::uint32_t mask) {
        const LayerId layer = layer_id(static_cast<std::size_t>(upset.layer));
        result_.golden_bits = golden_sums_.mac_output(layer, upset.unit);
        result_.faulty_bits = result_.golden_bits ^ mask;
        result_.layer = upset.layer;
        if (!judge_mac_output(machine_, layer, upset.unit, verdicts_, result_)) {
            effects_.of(layer).mac_outputs.push_back({upset.unit, mask});
        }
    }

    void disturb(const Upset& upset) {
        result_.layer = upset.layer;
        effects_.of(layer_id(static_cast<std::size_t>(upset.layer))).disturbances.push_back(upset);
    }

    static void flip_output(std::vector<arith::OutputFlip>& flips, std::int64_t element, std::uint32_t mask) {
        const auto same = std::find_if(flips.begin(), flips.end(),
                                       [&](const arith::OutputFlip& flip) { return flip.index == element; });
        if (same == flips.end()) {
            flips.push_back({element, mask});
        } else {
            same->mask ^= mask;
        }
        flips.erase(std::remove_if(flips.begin(), flips.end(),
                                   [](const arith::OutputFlip& flip) { return flip.mask == 0; }),
                    flips.end());
    }

    // DRAM comes first: what it delivers wrong lies wrong in the buffers.
    void strike_words() {
        if (struck_words_.empty()) {
            return;
        }
        for (StruckWord& struck : struck_words_) {
            std::stable_sort(struck.strikes.begin(), struck.strikes.end(),
                             [](const Strike& a, const Strike& b) { return a.cycle < b.cycle; });
            if (struck.site == SiteKind::dram) {
                words_.dram(struck.word, struck.strikes, result_);
            }
        }
        for (const StruckWord& struck : struck_words_) {
            if (struck.site == SiteKind::weight_buffer) {
                words_.buffer(Memory::weight_buffer, struck.word, struck.strikes, result_);
            } else if (struck.site == SiteKind::activation_buffer) {
                words_.buffer(Memory::activation_buffer, struck.word, struck.strikes, result_);
            } else if (struck.site == SiteKind::output_buffer) {
                accumulators_.emplace_back(machine_, words_, struck.word, struck.strikes, joint_);
                accumulators_.back().report(golden_sums_, golden_, verdicts_, result_);
            }
        }
        words_.finish(result_);
    }

    std::vector<LayerId> struck_layers() {
        std::vector<LayerId> layers;
        for (const StruckLayer& struck : effects_.layers()) {
            layers.push_back(struck.layer);
        }
        for (const AccumulatorWord& word : accumulators_) {
            layers.insert(layers.end(), word.layers().begin(), word.layers().end());
        }
        const std::vector<LayerId> stepped = stepped_.layers();
        layers.insert(layers.end(), stepped.begin(), stepped.end());
        const std::vector<LayerId> held = held_.layers();
        layers.insert(layers.end(), held.begin(), held.end());
        std::sort(layers.begin(), layers.end());
        layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
        for (const LayerId layer : layers) {
            effects_.of(layer);
        }
        effects_.layers();  // in order: from here on they keep their places
        return layers;
    }

    // Behind earlier upsets the layer's inputs are no longer the fault-free ones. (One upset never meets what
    // it has changed itself: it strikes one stored value, whatever reads that.)
    void resolve_layer(LayerId layer) {
        const bool as_golden = !joint_ || !walk_;
        const FoldSums sums(machine_, as_golden ? golden_tensors_ : met_until(index_of(layer)));
        const StruckLayer& struck = effects_.of(layer);
        LayerChanges changes(machine_, sums, struck, joint_);
        stepped_.evaluate(layer, sums, effects_.layers(), changes, result_);
        held_.evaluate(layer, sums, effects_.layers(), changes, verdicts_);
        for (AccumulatorWord& word : accumulators_) {
            word.evaluate(layer, sums, as_golden ? &golden_ : nullptr, changes);
        }
        arith::LayerFault fault = changes.take();
        add_vector_changes({machine_, sums, as_golden ? &golden_ : nullptr, golden_sums_, golden_, bounds_},
                           struck.vector, fault);
        fault.disturbed = disturbance_.outputs(layer, struck.disturbances);
        if (machine_.policy.relu_check && !fault.disturbed.empty()) {
            check_disturbed(machine_, sums, fault);
        }
        if (!changes_anything(fault)) {
            result_.sums_absorbed = result_.sums_absorbed || (!holds_ && changes.absorbs());
            return;
        }
        keep(std::move(fault));
    }

    // The tensors in front of layer number `end` under what was found so far.
    const MetTensors& met_until(std::size_t end) {
        if (walk_) {
            walk_->advance(end, [this](LayerId layer, const std::vector<arith::ValueChange>& changes) {
                met_.change(machine_.graph.layer(layer).output, changes);
            });
        }
        return met_;
    }

    void keep(arith::LayerFault fault) {
        if (joint_) {
            if (!walk_) {
                walk_.emplace(*engine_, golden_);
            }
            arith::LayerFault seen = fault;  // with what the policy does about it
            protect::apply_detectors(machine_.policy, machine_.graph, machine_.config, seen);
            walk_->add(std::move(seen));
        }
        result_.faults.push_back(std::move(fault));
    }

    // The host reads what is stored of the logits.
    void read_logits() {
        if (words_.logits().empty()) {
            return;
        }
        const std::size_t tensor = index_of(machine_.graph.logits);
        const Codes& stored = met_until(machine_.graph.layers.size())[tensor];
        std::size_t producer = 0;
        while (machine_.graph.layers[producer].output != machine_.graph.logits) {
            ++producer;
        }
        const LayerId layer = layer_id(producer);
        arith::LayerFault fault;
        fault.layer = layer;
        if (!result_.faults.empty() && result_.faults.back().layer == layer) {
            fault = std::move(result_.faults.back());
            result_.faults.pop_back();
        }
        std::map<std::int64_t, BitChange> changes;
        for (const WordSites::StruckLogit& logit : words_.logits()) {
            changes[logit.element] = changes[logit.element].then(logit.change);
        }
        for (const auto& [element, change] : changes) {
            const auto bits = static_cast<std::uint32_t>(stored[static_cast<std::size_t>(element)]);
            flip_output(fault.outputs, element, bits ^ change.apply(bits));
        }
        if (changes_anything(fault)) {
            result_.faults.push_back(std::move(fault));
        }
    }

    const MachineView& machine_;
    const NeuronDisturbance& disturbance_;
    const arith::GoldenRun& golden_;
    const std::vector<arith::OutputBounds>& bounds_;
    arith::Engine* engine_;
    const bool joint_;
    const bool holds_;
    const MetTensors golden_tensors_;
    MetTensors met_;
    const FoldSums golden_sums_;
    const CodeRegisters golden_registers_;
    const CodeWords golden_words_;
    Effects effects_;
    Verdicts verdicts_;
    RegisterSites registers_;
    ChecksumSites checksum_;
    VectorSites vector_;
    DuplicateSites duplicates_;
    FilterSites filters_;
    WordSites words_;
    SteppedArray stepped_;
    HeldRegisters held_;
    std::vector<StruckWord> struck_words_;
    std::vector<AccumulatorWord> accumulators_;
    std::optional<arith::Engine::Walk> walk_;  // joint: behind the first layer that is struck
    Resolution result_;
};

Resolution Resolver::Impl::resolve(const Upset* first, const Upset* last, const arith::GoldenRun& golden,
                                   arith::Engine* engine) const {
    const bool holds = std::any_of(first, last, [&](const Upset& upset) {
        return upset.held != traces::Held::no && bits_of(upset).any();
    });
    if (holds && engine == nullptr) {
        throw std::invalid_argument("held bits are resolved in a list, with an engine");
    }
    Run run(*this, golden, engine, engine != nullptr, holds);
    bool any = false;
    for (const Upset* given = first; given != last; ++given) {
        const Upset upset = stored(*given);
        // A value may be replaced by itself.
        const bool value = traces::is_value(upset.site) && site_bits(upset) > 0;
        if (const WordBits bits = bits_of(upset); bits.any() || (value && upset.bits.none())) {
            any = true;
            run.add(upset, bits);
        }
    }
    if (!any) {
        Resolution absent;
        absent.dead = DeadReason::absent;
        return absent;
    }
    return run.finish();
}

Resolver::Resolver(const workloads::Graph& graph, const AcceleratorConfig& config,
                   const protect::Policy& policy, const traces::Timeline& timeline,
                   const std::vector<arith::OutputBounds>* bounds)
    : impl_(std::make_unique<Impl>(graph, config, policy, timeline, bounds)) {}

Resolver::~Resolver() = default;

Resolution Resolver::resolve(const Upset& upset, const arith::GoldenRun& golden) const {
    return impl_->resolve(&upset, &upset + 1, golden, nullptr);
}

Resolution Resolver::resolve(const std::vector<Upset>& upsets, const arith::GoldenRun& golden,
                             arith::Engine& engine) const {
    if (upsets.empty()) {
        Resolution nothing;
        nothing.dead = DeadReason::absent;
        return nothing;
    }
    const auto first = std::min_element(upsets.begin(), upsets.end(),
                                        [](const Upset& a, const Upset& b) { return a.cycle < b.cycle; });
    const bool held = first->held != traces::Held::no;
    Resolution alone = held ? impl_->held_bits(*first) : resolve(*first, golden);
    if (!held && upsets.size() == 1 && (alone.faults.empty() || !impl_->reaches_several_layers(upsets[0]))) {
        return alone;
    }
    Resolution all = impl_->resolve(upsets.data(), upsets.data() + upsets.size(), golden, &engine);
    all.golden_bits = alone.golden_bits;
    all.faulty_bits = alone.faulty_bits;
    all.layer = alone.layer;
    if (all.faults.empty() && !all.aborted) {
        all.dead = all.corrected && !all.detected   ? DeadReason::corrected
                   : alone.dead == DeadReason::none ? DeadReason::no_effect
                                                    : alone.dead;
    }
    return all;
}

std::vector<Upset> Resolver::left_in_dram(const std::vector<Upset>& upsets, traces::Cycle last_edge) const {
    const MachineView& machine = impl_->machine;
    std::map<std::int64_t, std::vector<Strike>> words;
    for (const Upset& given : upsets) {
        const Upset upset = impl_->stored(given);
        if (const WordBits bits = impl_->bits_of(upset); upset.site == SiteKind::dram && bits.any()) {
            words[upset.unit].push_back({upset.cycle, bits});
        }
    }
    const arith::GoldenRun nothing_read;
    Effects effects(machine);
    Verdicts verdicts;
    const CodeWords nothing_stored(machine.graph, nothing_read);
    const WordSites sites(machine, nothing_stored, effects, verdicts);
    std::vector<Upset> left;
    for (auto& [word, strikes] : words) {
        std::stable_sort(strikes.begin(), strikes.end(),
                         [](const Strike& a, const Strike& b) { return a.cycle < b.cycle; });
        Upset upset;
        upset.site = SiteKind::dram;
        upset.unit = word;
        upset.bits = sites.left(word, strikes, last_edge);
        if (upset.bits.any()) {
            left.push_back(upset);
        }
    }
    return left;
}

}  // namespace fluence::fault
