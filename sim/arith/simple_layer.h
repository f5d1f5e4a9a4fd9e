// Layers without MACs: pooling, add, concat, flatten, subsample. One definition of each output element
// serves the dense and the sparse execution.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/change.h"
#include "sim/arith/parameters.h"
#include "sim/arith/rescale.h"
#include "sim/arith/window.h"
#include "workloads/channel_order.h"
#include "workloads/graph.h"

namespace fluence::arith {

class SimpleLayer {
  public:
    // Keeps a reference to the layer.
    SimpleLayer(const workloads::Graph& graph, const workloads::Layer& layer);

    // Dense execution; sizes `output`, and `window_sums` where there are any (engine.h).
    void run(const std::vector<Codes>& tensors, const OutputBounds* bounds,
             std::vector<std::int64_t>& window_sums, Codes& output) const;

    struct Element {
        std::int32_t channel = 0;
        std::int32_t pixel = 0;
    };

    // The code of one output, from its actual inputs: read(input, flat element). In front of output faults.
    template <class Read>
    std::int32_t evaluate(Element out, const Parameters& parameters, Read read) const;

    // What the layer makes of a window's sum, or of a sum of products; with its own parameters.
    struct Requantiser {
        Rescale rescale;
        std::int32_t clamp_lo = 0, clamp_hi = 0;
        std::int32_t code_of(std::int64_t sum) const {
            return static_cast<std::int32_t>(std::clamp<std::int64_t>(rescale(sum), clamp_lo, clamp_hi));
        }
    };
    Requantiser requantiser() const {
        const std::int32_t multiplier = layer_.kind == workloads::OpKind::add ? 1 : layer_.multiplier[0];
        return {{multiplier, layer_.shift[0]}, layer_.clamp_lo, layer_.clamp_hi};
    }

    // Calls visit(Element) for the outputs that read element (channel, pixel) of input `input`; an output
    // may come twice.
    template <class Visit>
    void for_each_reader(std::size_t input, Element element, Visit visit) const;

    const workloads::Layer& layer() const { return layer_; }
    const std::vector<workloads::Shape>& inputs() const { return inputs_; }
    const workloads::Shape& output() const { return output_; }
    workloads::NumberFormat output_format() const { return output_format_; }

  private:
    template <class Visit>
    void for_each_tap(Element out, Visit visit) const;
    template <class Read>
    std::int32_t add(std::int64_t element, const Parameters& parameters, Read read) const;
    template <class Read>
    std::int32_t concat(Element out, const Parameters& parameters, Read read) const;
    template <class Read>
    std::int32_t max_pool(Element out, Read read) const;
    template <class Read>
    std::int32_t avg_pool(Element out, const Parameters& parameters, Read read) const;
    template <class Read>
    std::int32_t subsample(Element out, Read read) const;
    template <class Visit>
    void for_each_windowed(Element element, Visit visit) const;

    std::int32_t requantised(std::int64_t sum, std::int32_t multiplier, std::uint8_t shift) const {
        const std::int64_t code = workloads::rescale(sum, multiplier, shift);
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(code, layer_.clamp_lo, layer_.clamp_hi));
    }

    const workloads::Layer& layer_;
    std::vector<workloads::Shape> inputs_;
    std::vector<std::int32_t> first_channel_;  // concat: of each input in the output
    workloads::Shape output_;
    workloads::NumberFormat output_format_;
};

template <class Read>
std::int32_t SimpleLayer::evaluate(Element out, const Parameters& parameters, Read read) const {
    const std::int64_t element = out.channel * output_.plane() + out.pixel;
    switch (layer_.kind) {
        case workloads::OpKind::max_pool:
            return max_pool(out, read);
        case workloads::OpKind::avg_pool:
            return avg_pool(out, parameters, read);
        case workloads::OpKind::add:
            return add(element, parameters, read);
        case workloads::OpKind::concat:
            return concat(out, parameters, read);
        case workloads::OpKind::subsample:
            return subsample(out, read);
        default:  // flatten
            return read(0, element);
    }
}

template <class Read>
std::int32_t SimpleLayer::add(std::int64_t element, const Parameters& parameters, Read read) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        sum += static_cast<std::uint64_t>(std::int64_t{parameters.multiplier[i]} * read(i, element));
    }
    return requantised(static_cast<std::int64_t>(sum), 1, parameters.shift[0]);
}

template <class Read>
std::int32_t SimpleLayer::concat(Element out, const Parameters& parameters, Read read) const {
    std::size_t i = inputs_.size() - 1;
    while (out.channel < first_channel_[i]) {
        --i;
    }
    const std::int64_t element = (out.channel - first_channel_[i]) * output_.plane() + out.pixel;
    return requantised(read(i, element), parameters.multiplier[i], parameters.shift[i]);
}

// Calls visit(flat input element) for the elements of the window, padding left out.
template <class Visit>
void SimpleLayer::for_each_tap(Element out, Visit visit) const {
    const workloads::Window& w = layer_.window;
    const workloads::Shape& in = inputs_[0];
    const workloads::InputRows rows = input_rows(in, output_, w, out.pixel / output_.width);
    const int left = out.pixel % output_.width * w.stride_w - w.pad_w;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        const std::int64_t y = rows.first + std::int64_t{ky} * w.dilation_h;
        for (int kx = 0; y >= rows.begin && y < rows.end && kx < w.kernel_w; ++kx) {
            const int x = left + kx * w.dilation_w;
            if (x >= 0 && x < in.width) {
                visit(out.channel * in.plane() + y * in.width + x);
            }
        }
    }
}

template <class Read>
std::int32_t SimpleLayer::max_pool(Element out, Read read) const {
    std::int32_t best = INT32_MIN;
    for_each_tap(out, [&](std::int64_t element) { best = std::max<std::int32_t>(best, read(0, element)); });
    return best;
}

template <class Read>
std::int32_t SimpleLayer::avg_pool(Element out, const Parameters& parameters, Read read) const {
    std::int64_t sum = 0;
    for_each_tap(out, [&](std::int64_t element) { sum += read(0, element); });
    return requantised(sum, parameters.multiplier[0], parameters.shift[0]);
}

template <class Read>
std::int32_t SimpleLayer::subsample(Element out, Read read) const {
    const workloads::Shape& in = inputs_[0];
    const std::int64_t channel = workloads::subsample_source(layer_, in.channels, out.channel);
    if (channel < 0) {
        return 0;
    }
    const std::int64_t y = input_rows(in, output_, layer_.window, out.pixel / output_.width).first;
    const int x = out.pixel % output_.width * layer_.window.stride_w;
    return read(0, channel * in.plane() + y * in.width + x);
}

template <class Visit>
void SimpleLayer::for_each_reader(std::size_t input, Element element, Visit visit) const {
    switch (layer_.kind) {
        case workloads::OpKind::add:
            return visit(element);
        case workloads::OpKind::concat:
            return visit(Element{first_channel_[input] + element.channel, element.pixel});
        case workloads::OpKind::flatten: {
            const std::int64_t flat = element.channel * inputs_[0].plane() + element.pixel;
            return visit(Element{static_cast<std::int32_t>(flat / output_.plane()),
                                 static_cast<std::int32_t>(flat % output_.plane())});
        }
        default:
            return for_each_windowed(element, visit);
    }
}

// Pools, and subsample as a window of one element.
template <class Visit>
void SimpleLayer::for_each_windowed(Element element, Visit visit) const {
    const auto channel = layer_.kind == workloads::OpKind::subsample
                             ? static_cast<std::int32_t>(workloads::subsample_target(
                                   layer_, inputs_[0].channels, output_.channels, element.channel))
                             : element.channel;
    if (channel < 0) {
        return;
    }
    for_each_output_pixel(inputs_[0], output_, layer_.window, element.pixel, [&](std::int64_t pixel) {
        visit(Element{channel, static_cast<std::int32_t>(pixel)});
    });
}

// The consequences of changed inputs and of direct faults for one such layer, exactly. Scratch memory is
// kept from call to call and grows with the largest layer alone.
class SimpleDelta {
  public:
    void run(const SimpleLayer& layer, const LayerStep& step);

  private:
    // Changed inputs alone, in kinds of layers that are frequent.
    void carry(const SimpleLayer& layer, const LayerStep& step);
    static bool carries(const SimpleLayer& layer, const LayerStep& step);
    void carry_add(const SimpleLayer& layer, const LayerStep& step);
    void carry_avg_pool(const SimpleLayer& layer, const LayerStep& step);
    void carry_subsample(const SimpleLayer& layer, const LayerStep& step);

    void overlay_changes(const SimpleLayer& layer, const LayerStep& step);
    void remove_overlays(const SimpleLayer& layer, const LayerStep& step);
    void mark_outputs(const SimpleLayer& layer, const LayerStep& step);
    void compute(const SimpleLayer& layer, const LayerStep& step);
    static std::int32_t fault_free_code(const SimpleLayer& layer, const LayerStep& step,
                                        SimpleLayer::Element out);
    void strike_codes(const SimpleLayer& layer, const LayerStep& step);
    void emit(const SimpleLayer& layer, const LayerStep& step);
    std::int32_t& code_of(const SimpleLayer& layer, std::int64_t index);

    std::vector<std::vector<std::int32_t>> overlay_;  // by input: code − golden code; zero between calls
    OrderedSet reached_;                              // pixel · channels + channel
    std::vector<std::int32_t> outputs_;
    std::vector<std::int32_t> codes_;
    Changes candidates_;
    std::vector<std::int64_t> moved_sums_;  // by pixel · channels + channel; zero between calls
    std::vector<std::int32_t> place_;  // by reached_'s number: place in outputs_; valid for the struck ones
    Parameters parameters_;
};

}  // namespace fluence::arith
