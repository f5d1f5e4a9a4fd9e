#include "sim/campaign/strata.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "sim/core/permutation.h"

namespace fluence::campaign {
namespace {

using fault::SiteClass;
using fault::SiteKind;

constexpr int kCheckBit = std::numeric_limits<int>::max();
constexpr int kAny = -1;

int data_bits(SiteKind kind, const AcceleratorConfig& accelerator) {
    switch (kind) {
        case SiteKind::weight_buffer:
            return accelerator.weight_buffer.word_bits;
        case SiteKind::activation_buffer:
            return accelerator.activation_buffer.word_bits;
        case SiteKind::output_buffer:
            return accelerator.output_buffer.word_bits;
        case SiteKind::dram:
            return accelerator.dram.word_bits;
        default:
            return kMaxWordBits;
    }
}

// Position in the value that the bit belongs to, as reports count it: words of the weight and activation
// buffers and of DRAM hold bytes.
int position_of(SiteKind kind, int bit, const AcceleratorConfig& accelerator) {
    if (bit >= data_bits(kind, accelerator)) {
        return kCheckBit;
    }
    constexpr int kByte = 8;
    const bool bytes =
        kind == SiteKind::weight_buffer || kind == SiteKind::activation_buffer || kind == SiteKind::dram;
    return bytes ? bit % kByte : bit;
}

bool has(const SamplingConfig& config, const char* key) {
    return std::find(config.by.begin(), config.by.end(), key) != config.by.end();
}

// What the sites of one stratum share. Bits of different sensitivity are never drawn alike.
struct SiteKey {
    int structure = kAny, bit = kAny, layer = kAny;
    double density = 1;
    bool operator<(const SiteKey& other) const {
        return std::tie(structure, bit, layer, density) <
               std::tie(other.structure, other.bit, other.layer, other.density);
    }
};

using Cells = std::map<SiteKey, std::vector<StratumCell>>;

Cells cells_of(const SamplingConfig& config, const std::vector<SiteClass>& sites,
               const AcceleratorConfig& accelerator) {
    const bool structure = has(config, "structure"), bit = has(config, "bit"), layer = has(config, "layer");
    Cells cells;
    for (std::size_t i = 0; i < sites.size(); ++i) {
        const SiteClass& site = sites[i];
        for (std::int32_t b = 0; b < site.bits; ++b) {
            SiteKey key;
            key.structure = structure ? static_cast<int>(site.kind) : kAny;
            key.bit = bit ? position_of(site.kind, b, accelerator) : kAny;
            key.layer = layer ? site.layer : kAny;
            key.density = site.cross_section;
            std::vector<StratumCell>& list = cells[key];
            if (list.empty() || list.back().site != i) {
                list.push_back({i, {}});
            }
            list.back().bits.push_back(b);
        }
    }
    return cells;
}

struct Span {
    std::string label;
    traces::Cycle begin = 0, end = 1;
};

// The run cut at the first cycle of each layer's work.
std::vector<Span> layer_spans(const traces::Timeline& timeline) {
    std::vector<Span> spans;
    for (const traces::LayerStats& layer : timeline.layers) {
        if (layer.end <= layer.begin || layer.begin >= timeline.cycles) {
            continue;
        }
        if (spans.empty()) {
            spans.push_back({layer.name, 0, timeline.cycles});
        } else if (layer.begin > spans.back().begin) {
            spans.back().end = layer.begin;
            spans.push_back({layer.name, layer.begin, timeline.cycles});
        }
    }
    if (spans.empty()) {
        spans.push_back({"", 0, timeline.cycles});
    }
    return spans;
}

std::string label_of(const SiteKey& key, const Span& span, const ImageGroup& group, int upsets,
                     const std::vector<std::string>& layers) {
    std::string label;
    const auto add = [&label](const std::string& part) {
        if (!part.empty()) {
            label += (label.empty() ? "" : ", ") + part;
        }
    };
    if (key.structure != kAny) {
        add(name_of(static_cast<SiteKind>(key.structure)));
    }
    if (key.bit != kAny) {
        add(key.bit == kCheckBit ? "check bits" : "bit " + std::to_string(key.bit));
    }
    if (key.layer != kAny) {
        add(layers.at(static_cast<std::size_t>(key.layer)));
    }
    add(span.label);
    add(group.label);
    add(upsets == 1 ? "" : std::to_string(upsets) + " upsets");
    return label.empty() ? "all" : label;
}

std::int64_t bits_of(const std::vector<StratumCell>& cells, const std::vector<SiteClass>& sites) {
    std::int64_t bits = 0;
    for (const StratumCell& cell : cells) {
        bits += sites[cell.site].units * static_cast<std::int64_t>(cell.bits.size());
    }
    return bits;
}

}  // namespace

const std::vector<std::string>& stratum_keys() {
    static const std::vector<std::string> keys = {"structure", "bit", "layer", "confidence"};
    return keys;
}

const std::vector<std::string>& allocations() {
    static const std::vector<std::string> names = {"proportional", "equal", "neyman"};
    return names;
}

std::vector<ImageGroup> confidence_terciles(const std::vector<double>& top2diff) {
    std::vector<std::int32_t> order(top2diff.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return top2diff[static_cast<std::size_t>(a)] < top2diff[static_cast<std::size_t>(b)];
    });
    constexpr std::array<const char*, 3> kNames = {"low confidence", "medium confidence", "high confidence"};
    std::vector<ImageGroup> groups;
    for (std::size_t g = 0; g < kNames.size(); ++g) {
        const auto begin = static_cast<std::ptrdiff_t>(g * order.size() / kNames.size());
        const auto end = static_cast<std::ptrdiff_t>((g + 1) * order.size() / kNames.size());
        ImageGroup group{kNames[g], {order.begin() + begin, order.begin() + end}};
        std::sort(group.images.begin(), group.images.end());
        if (!group.images.empty()) {
            groups.push_back(std::move(group));
        }
    }
    return groups;
}

Strata::Strata(const SamplingConfig* config, const fault::Sampler& sampler,
               const AcceleratorConfig& accelerator, const traces::Timeline& timeline,
               std::vector<ImageGroup> groups, std::vector<double> upset_weights, int first_upsets)
    : groups_(std::move(groups)), whole_(config == nullptr) {
    const std::vector<SiteClass>& sites = sampler.classes();
    const bool timed = sampler.timed();
    cycles_ = timed ? static_cast<double>(timeline.cycles) : 1;
    std::vector<Span> spans = {{"", 0, timed ? timeline.cycles : 1}};
    Cells cells;
    if (whole_) {
        cells[{}] = {};
    } else {
        cells = cells_of(*config, sites, accelerator);
        if (timed && has(*config, "layer")) {
            spans = layer_spans(timeline);
        }
    }
    std::vector<std::string> layers;
    for (const traces::LayerStats& layer : timeline.layers) {
        layers.push_back(layer.name);
    }
    double all = 0, images = 0, number = 0;
    for (const SiteClass& site : sites) {
        all += site.weight();
    }
    for (const ImageGroup& group : groups_) {
        images += static_cast<double>(group.images.size());
    }
    for (const double weight : upset_weights) {
        number += weight;
    }
    for (std::size_t k = 0; k < upset_weights.size(); ++k) {
        for (const auto& [key, list] : cells) {
            for (const Span& span : spans) {
                for (std::size_t g = 0; g < groups_.size(); ++g) {
                    const int upsets = first_upsets + static_cast<int>(k);
                    Stratum stratum;
                    stratum.label = label_of(key, span, groups_[g], upsets, layers);
                    stratum.upsets = upsets;
                    stratum.group = static_cast<std::int32_t>(g);
                    stratum.begin = span.begin;
                    stratum.end = span.end;
                    stratum.cells = list;
                    const double in_group = static_cast<double>(groups_[g].images.size());
                    const double bits = static_cast<double>(bits_of(list, sites));
                    const double cycles = static_cast<double>(span.end - span.begin);
                    stratum.weight = upset_weights[k] / number * (in_group / images) * (cycles / cycles_);
                    if (!whole_) {
                        stratum.weight *= bits * key.density / all;
                        stratum.per_image = bits_of(list, sites) * (span.end - span.begin);
                        stratum.population =
                            upsets == 1 && sampler.single_bits() ? bits * cycles * in_group : 0;
                    }
                    list_.push_back(std::move(stratum));
                }
            }
        }
    }
}

Strata::Strata(const fault::Sampler& sampler, const fault::DisturbanceConfig& config, const std::string& name,
               ImageGroup images)
    : groups_({std::move(images)}) {
    for (const double level : sampler.levels()) {
        Stratum stratum;
        stratum.label = name + " " + nlohmann::json(level).dump();
        stratum.level = level;
        stratum.weight = level == config.level ? 1 : 0;
        list_.push_back(std::move(stratum));
    }
}

fault::FaultDraw Strata::first_upset(const fault::Sampler& sampler, std::uint64_t seed, std::int64_t id,
                                     std::int32_t number, std::int64_t round, std::int32_t image) const {
    const Stratum& stratum = list_[static_cast<std::size_t>(number)];
    constexpr int kStratumShift = 32;
    const std::uint64_t stream =
        (static_cast<std::uint64_t>(number) << kStratumShift) | static_cast<std::uint32_t>(image);
    const auto size = static_cast<std::uint64_t>(stratum.per_image);
    // Where a fault is more than its first bit this one may come again: the rest differs.
    auto index = static_cast<std::int64_t>(
        RandomPermutation(seed, stream, size)(static_cast<std::uint64_t>(round) % size));
    const std::int64_t span = stratum.end - stratum.begin;
    const std::int64_t cycle = stratum.begin + index % span;
    index /= span;
    for (const StratumCell& cell : stratum.cells) {
        const SiteClass& site = sampler.classes()[cell.site];
        const auto bits = static_cast<std::int64_t>(cell.bits.size());
        if (index >= site.units * bits) {
            index -= site.units * bits;
            continue;
        }
        fault::FaultDraw draw = sampler.draw_at(seed, static_cast<std::uint64_t>(id), site, index / bits,
                                                cell.bits[static_cast<std::size_t>(index % bits)]);
        constexpr double kMiddle = 0.5;
        draw.phase = sampler.timed() ? (static_cast<double>(cycle) + kMiddle) / cycles_ : 0;
        return draw;
    }
    throw std::logic_error("a draw outside its stratum");
}

fault::FaultDraw Strata::draw(const fault::Sampler& sampler, std::uint64_t seed, std::int64_t id,
                              std::int32_t stratum, std::int64_t round, std::int32_t image) const {
    const Stratum& from = list_.at(static_cast<std::size_t>(stratum));
    const auto sample = static_cast<std::uint64_t>(id);
    if (from.level > 0) {
        return sampler.draw_at_level(seed, sample, from.level);
    }
    fault::FaultDraw draw =
        whole_ ? sampler.draw(seed, sample) : first_upset(sampler, seed, id, stratum, round, image);
    draw.further = sampler.further(seed, sample, from.upsets - 1);
    return draw;
}

}  // namespace fluence::campaign
