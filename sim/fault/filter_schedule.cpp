#include "sim/fault/filter_schedule.h"

#include <map>
#include <stdexcept>

namespace fluence::fault {

using dataflow::WaitingPixels;
using traces::VectorPass;

std::int64_t FilteredPixels::pixel(std::int64_t index) const {
    for (const WaitingPixels::Range& range : pixels) {
        if (index < range.last - range.first) {
            return range.first + index;
        }
        index -= range.last - range.first;
    }
    throw std::out_of_range("pixel of a filter");
}

FilterSchedule::FilterSchedule(const workloads::Graph& graph, const AcceleratorConfig& config,
                               const protect::Policy& policy, const dataflow::MemoryMap& memory,
                               const traces::Timeline& timeline, int added_stages)
    : graph_(graph),
      config_(config),
      memory_(memory),
      timeline_(timeline),
      pipeline_(config.vector_unit, added_stages) {
    for (const workloads::Layer& layer : graph.layers) {
        filtered_.push_back(protect::filtered(policy, graph, layer));
    }
    std::map<LayerId, WaitingPixels> waiting;
    for (const VectorPass& pass : timeline.passes) {
        const protect::FilteredLayer& acts = filtered_[index_of(pass.layer)];
        if (acts.any()) {
            const workloads::Shape& shape = graph.tensor(graph.layer(pass.layer).output).shape;
            WaitingPixels& of_layer = waiting.try_emplace(pass.layer, shape, acts.detected).first->second;
            if (auto pixels = of_layer.produce(produced(pass)); !pixels.empty()) {
                add(pass, std::move(pixels));
            }
        }
    }
}

void FilterSchedule::add(const VectorPass& pass, std::vector<WaitingPixels::Range> pixels) {
    FilteredPixels taken;
    taken.layer = pass.layer;
    taken.complete = out(pass, pass.elements - 1);
    taken.always = filtered_[index_of(pass.layer)].always;
    for (const WaitingPixels::Range& range : pixels) {
        taken.count += range.last - range.first;
    }
    taken.pixels = std::move(pixels);
    if (taken.always) {
        const std::int32_t channels = graph_.tensor(graph_.layer(pass.layer).output).shape.channels;
        taken.begin = pass.end - protect::filter_cycles(config_, taken.count, channels).count();
    }
    taken_.push_back(std::move(taken));
}

Cycle FilterSchedule::out(const VectorPass& pass, std::int64_t index) const {
    const Memory source =
        graph_.layer(pass.layer).has_macs() ? Memory::output_buffer : Memory::activation_buffer;
    return pipeline_.cycle(pass.read_cycle(index), timeline_.decode_cycles[index_of(source)],
                           pipeline_.stages());
}

// Flat elements of the output. One that is computed twice is there with its copy.
std::vector<WaitingPixels::Range> FilterSchedule::produced(const VectorPass& pass) const {
    if (!graph_.layer(pass.layer).has_macs()) {
        return {{pass.first_element, pass.first_element + pass.elements}};
    }
    const std::int64_t plane = graph_.tensor(graph_.layer(pass.layer).output).shape.plane();
    std::vector<WaitingPixels::Range> ranges;
    for (std::int64_t n = pass.first_n; n < pass.first_n + pass.channels; ++n) {
        const std::int64_t channel = memory_.channel(pass.layer, pass.group, n);
        const std::int64_t copy = memory_.copy_of(pass.layer, channel);
        if (copy < 0 || copy == n) {
            const std::int64_t first = channel * plane + pass.first_pixel;
            ranges.push_back({first, first + pass.pixels});
        }
    }
    return ranges;
}

FilterSchedule::Code FilterSchedule::code(LayerId layer, std::int64_t channel, std::int64_t pixel) const {
    const std::int64_t plane = graph_.tensor(graph_.layer(layer).output).shape.plane();
    const bool macs = graph_.layer(layer).has_macs();
    const std::int64_t group_channels =
        macs ? workloads::gemm_shape(graph_, graph_.layer(layer)).n : std::int64_t{1};
    const std::int64_t position = macs ? memory_.position(layer, channel) : 0;
    for (std::size_t p = 0; p < timeline_.passes.size(); ++p) {
        const VectorPass& pass = timeline_.passes[p];
        if (pass.layer != layer) {
            continue;
        }
        std::int64_t index = channel * plane + pixel - pass.first_element;
        bool here = index >= 0 && index < pass.elements;
        if (macs) {
            const std::int64_t n = position - pass.first_n, m = pixel - pass.first_pixel;
            here = channel / group_channels == pass.group && n >= 0 && n < pass.channels && m >= 0 &&
                   m < pass.pixels;
            index = n * pass.pixels + m;
        }
        if (here) {
            return {static_cast<std::int32_t>(p), index, out(pass, index)};
        }
    }
    throw std::logic_error("no pass finishes a code of layer " + graph_.layer(layer).name);
}

Cycle FilterSchedule::left(LayerId layer, std::int64_t pixel) const {
    for (const FilteredPixels& taken : taken_) {
        if (taken.layer != layer) {
            continue;
        }
        for (const WaitingPixels::Range& range : taken.pixels) {
            if (pixel >= range.first && pixel < range.last) {
                return taken.complete;
            }
        }
    }
    throw std::logic_error("no pass completes a pixel of layer " + graph_.layer(layer).name);
}

}  // namespace fluence::fault
