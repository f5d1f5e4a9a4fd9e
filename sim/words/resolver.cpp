#include "sim/words/resolver.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/dataflow/registers.h"
#include "sim/dataflow/registry.h"
#include "sim/fault/register_sites.h"
#include "sim/fault/word_sites.h"
#include "sim/words/layer_changes.h"
#include "sim/words/machine_check.h"
#include "sim/words/stored_words.h"
#include "sim/words/vector_sites.h"

namespace fluence::words {

using fault::DeadReason;
using traces::SiteKind;
using traces::Upset;

arith::MachineOrder machine_order(const workloads::WordGraph& graph, const AcceleratorConfig& config) {
    const workloads::Graph stored = workloads::stored_structure(graph);
    const dataflow::MemoryMap map(stored, config);
    return {dataflow::fold_ends(stored, dataflow::dataflow_of(config).plan(stored, config, map, {}))};
}

std::vector<fault::SiteClass> word_site_classes(const workloads::WordGraph& graph,
                                                const AcceleratorConfig& config,
                                                const protect::Policy& policy) {
    return fault::site_classes(workloads::stored_structure(graph), config, policy);
}

struct WordResolver::Impl {
    const workloads::WordGraph graph;
    const workloads::Graph stored;
    const AcceleratorConfig config;
    const protect::Policy policy;
    const fault::MachineView machine;
    const array::WordPe pe;
    const std::vector<fault::SiteClass> sites;
    LayerId logits_layer{};

    Impl(const workloads::WordGraph& words, const AcceleratorConfig& accelerator,
         const protect::Policy& protection, const traces::Timeline& timeline)
        : graph(words),
          stored(workloads::stored_structure(words)),
          config(accelerator),
          policy(protection),
          machine(stored, config, policy, timeline),
          pe(config.array),
          sites(word_site_classes(words, accelerator, protection)) {
        for (std::size_t i = 0; i < stored.layers.size(); ++i) {
            if (stored.layers[i].output == stored.logits) {
                logits_layer = layer_id(i);
            }
        }
    }

    // The struck bits that the site has.
    WordBits present(const Upset& upset) const {
        for (const fault::SiteClass& site : sites) {
            if (site.kind != upset.site) {
                continue;
            }
            if (upset.unit < 0 || upset.unit >= site.units) {
                throw std::out_of_range(std::string("upset of ") + name_of(upset.site) + ": no unit " +
                                        std::to_string(upset.unit));
            }
            const auto cut = static_cast<std::size_t>(kMaxWordBits - site.bits);
            return upset.bits << cut >> cut;
        }
        throw std::out_of_range(std::string("a machine of words has no ") + name_of(upset.site));
    }

    class Run;
};

// One resolution: what the upsets leave wrong, and then layer by layer what comes of it.
class WordResolver::Impl::Run {
  public:
    Run(const Impl& impl, arith::WordValues& values)
        : impl_(impl),
          machine_(impl.machine),
          values_(values),
          golden_(machine_, impl.graph, impl.pe, values, WordSums::Run::golden),
          struck_(machine_, impl.graph, impl.pe, values, WordSums::Run::struck),
          golden_registers_(golden_),
          golden_words_(impl.graph, values),
          effects_(machine_),
          registers_(machine_, golden_registers_, effects_),
          words_(machine_, golden_words_, effects_, verdicts_),
          sums_(machine_, golden_, verdicts_),
          vector_(machine_, golden_words_, values, effects_) {}

    // The first upset's own story goes into the resolution.
    void add(const Upset& upset, const WordBits& bits) {
        if (traces::is_array_register(upset.site) || traces::is_unit_state(upset.site)) {
            fault::Resolution told;
            if (traces::is_unit_state(upset.site)) {
                vector_.strike(upset, bits, told);
            } else {
                registers_.strike(upset, wide_bits(bits), told);
            }
            tell(told);
            return;
        }
        for (StruckWord& word : struck_words_) {
            if (word.site == upset.site && word.word == upset.unit) {
                word.strikes.push_back({upset.cycle, bits});
                return;
            }
        }
        struck_words_.push_back({upset.site, upset.unit, {{upset.cycle, bits}}});
    }

    WordResolution finish(const arith::WordValues::Visit& visit) {
        strike_words();
        WordResolution resolution;
        resolution.golden_bits = told_.golden_bits;
        resolution.faulty_bits = told_.faulty_bits;
        resolution.layer = told_.layer;
        if (judge(resolution); resolution.aborted) {
            return resolution;
        }
        const std::vector<LayerId> layers = struck_layers();
        if (layers.empty()) {
            resolution.dead = reason_without_change(resolution);
            return resolution;
        }
        bool any = false;
        resolution.run = values_.propagate(
            layers,
            [&](LayerId layer) {
                WordLayerChanges changes(machine_, impl_.graph, struck_);
                changes.add(effects_.of(layer));
                const auto add_those_of_layer = [&](const auto& struck) {
                    for (const auto& one : struck) {
                        if (one.layer == layer) {
                            changes.add(one);
                        }
                    }
                };
                add_those_of_layer(sums_.struck());
                add_those_of_layer(vector_.stages());
                add_those_of_layer(vector_.registers());
                if (layer == impl_.logits_layer) {
                    for (const fault::WordSites::StruckLogit& logit : words_.logits()) {
                        changes.add(logit);
                    }
                }
                arith::WordLayerFault fault = changes.take();
                any = any || changes.any();
                return fault;
            },
            visit);
        if (!any) {
            resolution.dead = reason_without_change(resolution);
        }
        return resolution;
    }

  private:
    struct StruckWord {
        SiteKind site{};
        std::int64_t word = 0;
        std::vector<fault::Strike> strikes;
    };

    // What the codes saw, up to where they ended the inference.
    void judge(WordResolution& resolution) const {
        fault::Resolution judged;
        verdicts_.finish(judged);
        resolution.corrected = judged.corrected;
        resolution.detected = judged.detected;
        resolution.aborted = judged.aborted;
        resolution.ended = judged.ended;
    }

    DeadReason reason_without_change(const WordResolution& resolution) const {
        return resolution.corrected && !resolution.detected ? DeadReason::corrected
               : told_.dead == DeadReason::none             ? DeadReason::no_effect
                                                            : told_.dead;
    }

    void tell(const fault::Resolution& told) {
        if (!told_any_) {
            told_ = told;
            told_any_ = true;
        }
    }

    // DRAM comes first: what it delivers wrong lies wrong in the buffers.
    void strike_words() {
        for (StruckWord& struck : struck_words_) {
            std::stable_sort(struck.strikes.begin(), struck.strikes.end(),
                             [](const auto& a, const auto& b) { return a.cycle < b.cycle; });
        }
        std::stable_partition(struck_words_.begin(), struck_words_.end(),
                              [](const StruckWord& struck) { return struck.site == SiteKind::dram; });
        fault::Resolution told;
        for (const StruckWord& struck : struck_words_) {
            told = {};
            switch (struck.site) {
                case SiteKind::dram:
                    words_.dram(struck.word, struck.strikes, told);
                    break;
                case SiteKind::weight_buffer:
                    words_.buffer(Memory::weight_buffer, struck.word, struck.strikes, told);
                    break;
                case SiteKind::activation_buffer:
                    words_.buffer(Memory::activation_buffer, struck.word, struck.strikes, told);
                    break;
                default:
                    sums_.strike(struck.word, struck.strikes, told);
            }
            tell(told);
        }
        words_.finish(told_);
    }

    std::vector<LayerId> struck_layers() {
        for (const StruckStoredSum& sum : sums_.struck()) {
            effects_.of(sum.layer);
        }
        if (!words_.logits().empty()) {
            effects_.of(impl_.logits_layer);
        }
        std::vector<LayerId> layers;
        for (const fault::StruckLayer& struck : effects_.layers()) {
            layers.push_back(struck.layer);
        }
        return layers;
    }

    const Impl& impl_;
    const fault::MachineView& machine_;
    arith::WordValues& values_;
    const WordSums golden_, struck_;
    const WordRegisters golden_registers_;
    const StoredWords golden_words_;
    fault::Effects effects_;
    fault::Verdicts verdicts_;
    fault::RegisterSites registers_;
    fault::WordSites words_;
    StoredSums sums_;
    WordVectorSites vector_;
    std::vector<StruckWord> struck_words_;
    fault::Resolution told_;
    bool told_any_ = false;
};

WordResolver::WordResolver(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                           const protect::Policy& policy, const traces::Timeline& timeline) {
    check_machine(graph, config, policy);
    impl_ = std::make_unique<Impl>(graph, config, policy, timeline);
}

WordResolver::~WordResolver() = default;

WordResolution WordResolver::resolve(const std::vector<Upset>& upsets, arith::WordValues& values,
                                     const arith::WordValues::Visit& visit) const {
    std::vector<Upset> in_time = upsets;
    std::stable_sort(in_time.begin(), in_time.end(),
                     [](const Upset& a, const Upset& b) { return a.cycle < b.cycle; });
    Impl::Run run(*impl_, values);
    bool any = false;
    for (const Upset& upset : in_time) {
        if (const WordBits bits = impl_->present(upset); bits.any()) {
            run.add(upset, bits);
            any = true;
        }
    }
    if (!any) {
        WordResolution absent;
        absent.dead = DeadReason::absent;
        return absent;
    }
    return run.finish(visit);
}

}  // namespace fluence::words
