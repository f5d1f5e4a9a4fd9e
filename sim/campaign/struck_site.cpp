#include "sim/campaign/struck_site.h"
#include "sim/fault/bit_change.h"

#include <algorithm>

#include "sim/campaign/struck_parts.h"
#include "sim/dataflow/im2col.h"

namespace fluence::campaign {
namespace {

// Σ A[m,k]·B[k,n] over `terms`, wrapping; without the bias, which the vector unit adds.
std::uint32_t sum_of(const RecordedRun& run, const HeldValue& value) {
    const workloads::Layer& layer = run.graph.layers[static_cast<std::size_t>(value.owner)];
    const dataflow::Im2col im2col(run.graph, layer);
    const workloads::GemmShape& gemm = im2col.gemm();
    const workloads::Codes& codes = run.golden.tensors[index_of(layer.inputs[0])];
    const std::int64_t channel = value.index / gemm.m;
    std::uint32_t sum = 0;
    im2col.for_each_term(static_cast<int>(channel / gemm.n), value.index % gemm.m, value.k.first,
                         value.k.last + 1, [&](std::int64_t k, std::int64_t element) {
                             const std::int32_t weight =
                                 layer.weights[static_cast<std::size_t>(channel * gemm.k + k)];
                             sum += static_cast<std::uint32_t>(codes[static_cast<std::size_t>(element)]) *
                                    static_cast<std::uint32_t>(weight);
                         });
    return sum;
}

std::int32_t sign_extended(std::uint32_t value, int bits) {
    const int unused = 32 - std::min(bits, 32);
    return static_cast<std::int32_t>(value << unused) >> unused;
}

// The value, and its format's way to read `bits` of it.
struct Reading {
    std::int32_t value = 0;
    bool is_unsigned = false;
};

Reading reading_of(const RecordedRun& run, const HeldValue& value) {
    const auto at = static_cast<std::size_t>(value.index);
    const auto layer = [&]() -> const workloads::Layer& {
        return run.graph.layers[static_cast<std::size_t>(value.owner)];
    };
    switch (value.kind) {
        case HeldKind::weight:
            return {layer().weights[at], false};
        case HeldKind::activation: {
            const auto tensor = static_cast<std::size_t>(value.owner);
            const bool is_u8 = run.graph.tensors[tensor].format == workloads::NumberFormat::u8;
            return {run.golden.tensors[tensor][at], is_u8 && value.bits == 8};
        }
        case HeldKind::padding:
            return {0, false};
        case HeldKind::sum:
        case HeldKind::product:
            return {sign_extended(sum_of(run, value), value.bits), false};
        case HeldKind::bias:
            return {layer().bias[at], false};
        case HeldKind::multiplier:
            return {layer().multiplier[at], false};
        case HeldKind::shift:
            return {layer().shift[at], true};
        case HeldKind::neuron: {
            const TensorId output = layer().output;
            return {run.golden.tensors[index_of(output)][at],
                    run.graph.tensor(output).format == workloads::NumberFormat::u8};
        }
    }
    return {};
}

void extend(Span& span, const Span& other) {
    span.add(other.first);
    span.add(other.last);
}

bool is_memory(traces::SiteKind kind) {
    return kind == traces::SiteKind::dram || kind == traces::SiteKind::weight_buffer ||
           kind == traces::SiteKind::activation_buffer || kind == traces::SiteKind::output_buffer;
}

}  // namespace

void Span::add(std::int64_t value) {
    first = empty() ? value : std::min(first, value);
    last = std::max(last, value);
}

void add_value(const RecordedRun& run, StruckSite& site, HeldValue value, std::uint32_t mask) {
    if (mask == 0) {
        return;
    }
    const Reading reading = reading_of(run, value);
    const std::uint32_t flipped = static_cast<std::uint32_t>(reading.value) ^ mask;
    value.before = reading.value;
    value.after = reading.is_unsigned ? std::int64_t{flipped} : sign_extended(flipped, value.bits);
    site.held.push_back(value);
}

void add_macs(StruckSite& site, const Macs& macs) {
    if (macs.count == 0) {
        return;
    }
    for (Macs& known : site.reads) {
        if (known.layer == macs.layer && known.group == macs.group) {
            extend(known.m, macs.m);
            extend(known.k, macs.k);
            extend(known.n, macs.n);
            known.count += macs.count;
            known.first_cycle = std::min(known.first_cycle, macs.first_cycle);
            known.last_cycle = std::max(known.last_cycle, macs.last_cycle);
            return;
        }
    }
    site.reads.push_back(macs);
}

StruckSite struck_site(const RecordedRun& run, const traces::Upset& upset) {
    StruckSite site;
    site.upset = upset;
    if (upset.held != traces::Held::no) {
        locate_register(run, site);
        // It meets whatever passes, not one value.
        site.known = false;
        site.fold = site.layer = -1;
        site.held.clear();
        site.reads.clear();
    } else if (traces::is_disturbance(upset.site)) {
        site.layer = upset.layer;
    } else if (traces::is_value(upset.site)) {
        HeldValue value;
        value.owner = site.layer = upset.layer;
        value.index = upset.unit;
        const workloads::Layer& layer = run.graph.layers.at(static_cast<std::size_t>(upset.layer));
        if (upset.site == traces::SiteKind::weight) {
            value.kind = HeldKind::weight;
            value.bits = workloads::width_bits(workloads::NumberFormat::s8);
        } else if (upset.site == traces::SiteKind::mac_output) {
            value.kind = HeldKind::sum;
            value.k = {0, workloads::gemm_shape(run.graph, layer).k - 1};
            value.bits = workloads::width_bits(workloads::NumberFormat::s32);
        } else {
            value.kind = HeldKind::neuron;
            value.bits = workloads::width_bits(run.graph.tensor(layer.output).format);
        }
        add_value(run, site, value, fault::low_32(upset.bits));
    } else if (traces::is_unit_state(upset.site)) {
        site.known = false;
    } else if (is_memory(upset.site)) {
        locate_word(run, site);
    } else {
        locate_register(run, site);
    }
    return site;
}

}  // namespace fluence::campaign
