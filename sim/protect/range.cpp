#include "sim/protect/range.h"

#include <algorithm>

#include "sim/core/error.h"
#include "sim/protect/parts.h"
#include "workloads/channel_order.h"

namespace fluence::protect {
namespace {

using workloads::Layer;
using workloads::OpKind;

// Bounds of one tensor, one pair a channel; empty: not restricted.
struct Bounds {
    std::vector<std::int32_t> lo, hi;
    bool empty() const { return lo.empty(); }
};

class BoundsOfGraph {
  public:
    BoundsOfGraph(const workloads::Bundle& bundle, RangePart::Granularity granularity)
        : bundle_(&bundle), granularity_(granularity), tensors_(bundle.graph.tensors.size()) {}

    // Bounds of the layer's output; the layers that produce its inputs must have been asked before.
    const Bounds& of(const Layer& layer) {
        Bounds& output = tensors_[index_of(layer.output)];
        switch (layer.kind) {
            case OpKind::conv:
            case OpKind::linear:
            case OpKind::add:
                output = activation(layer);
                break;
            case OpKind::max_pool:
                output = input(layer, 0);
                break;
            case OpKind::flatten:
                output = flattened(layer);
                break;
            case OpKind::avg_pool:
                output = averaged(layer);
                break;
            case OpKind::concat:
                output = concatenated(layer);
                break;
            case OpKind::subsample:
                output = subsampled(layer);
                break;
        }
        if (granularity_ == RangePart::Granularity::layer && !output.empty()) {
            std::fill(output.lo.begin(), output.lo.end(),
                      *std::min_element(output.lo.begin(), output.lo.end()));
            std::fill(output.hi.begin(), output.hi.end(),
                      *std::max_element(output.hi.begin(), output.hi.end()));
        }
        return output;
    }

  private:
    const Bounds& input(const Layer& layer, std::size_t i) const {
        return tensors_[index_of(layer.inputs[i])];
    }

    // An activation function stands behind a layer whose codes are unsigned.
    Bounds activation(const Layer& layer) const {
        const workloads::TensorInfo& tensor = bundle_->graph.tensor(layer.output);
        if (tensor.format != workloads::NumberFormat::u8) {
            return {};
        }
        const std::size_t t = index_of(layer.output);
        if (t >= bundle_->profile.size() || bundle_->profile[t].lo.empty()) {
            throw InputError("bundle " + bundle_->graph.name, "profile",
                             "has no range of tensor \"" + tensor.name +
                                 "\", which range restriction needs: calibrate the bundle again");
        }
        return {bundle_->profile[t].lo, bundle_->profile[t].hi};
    }

    // A channel becomes one channel an element.
    Bounds flattened(const Layer& layer) const {
        const Bounds& in = input(layer, 0);
        const workloads::Shape& shape = bundle_->graph.tensor(layer.inputs[0]).shape;
        const auto plane = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
        Bounds out;
        for (std::size_t c = 0; c < in.lo.size(); ++c) {
            out.lo.insert(out.lo.end(), plane, in.lo[c]);
            out.hi.insert(out.hi.end(), plane, in.hi[c]);
        }
        return out;
    }

    // The code that a bound of the input becomes behind the layer's requantisation.
    static std::int32_t requantised(const Layer& layer, std::int64_t acc, std::size_t parameter) {
        const std::int64_t code =
            workloads::rescale(acc, layer.multiplier[parameter], layer.shift[parameter]);
        return static_cast<std::int32_t>(
            std::clamp<std::int64_t>(code, std::int64_t{layer.clamp_lo}, std::int64_t{layer.clamp_hi}));
    }

    // A window full of a bound averages to that bound.
    Bounds averaged(const Layer& layer) const {
        Bounds bounds = input(layer, 0);
        const std::int64_t window = std::int64_t{layer.window.kernel_h} * layer.window.kernel_w;
        for (std::vector<std::int32_t>* side : {&bounds.lo, &bounds.hi}) {
            for (std::int32_t& code : *side) {
                code = requantised(layer, code * window, 0);
            }
        }
        if (layer.window.pad_h > 0 || layer.window.pad_w > 0) {
            include_zero(bounds);  // a window may average padding
        }
        return bounds;
    }

    // Bounded only where every input is.
    Bounds concatenated(const Layer& layer) const {
        Bounds bounds;
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
            const Bounds& in = input(layer, i);
            if (in.empty()) {
                return {};
            }
            for (std::size_t c = 0; c < in.lo.size(); ++c) {
                bounds.lo.push_back(requantised(layer, in.lo[c], i));
                bounds.hi.push_back(requantised(layer, in.hi[c], i));
            }
        }
        return bounds;
    }

    // The zero channels in front and behind hold 0 alone.
    Bounds subsampled(const Layer& layer) const {
        const Bounds& in = input(layer, 0);
        Bounds bounds;
        if (in.empty()) {
            return bounds;
        }
        const auto channels = static_cast<std::int64_t>(in.lo.size());
        for (std::int64_t c = 0; c < channels + layer.channels_before + layer.channels_after; ++c) {
            const std::int64_t from = workloads::subsample_source(layer, channels, c);
            bounds.lo.push_back(from < 0 ? 0 : in.lo[static_cast<std::size_t>(from)]);
            bounds.hi.push_back(from < 0 ? 0 : in.hi[static_cast<std::size_t>(from)]);
        }
        return bounds;
    }

    static void include_zero(Bounds& bounds) {
        for (std::size_t c = 0; c < bounds.lo.size(); ++c) {
            bounds.lo[c] = std::min(bounds.lo[c], 0);
            bounds.hi[c] = std::max(bounds.hi[c], 0);
        }
    }

    const workloads::Bundle* bundle_;
    RangePart::Granularity granularity_;
    std::vector<Bounds> tensors_;  // by tensor
};

}  // namespace

std::vector<arith::OutputBounds> output_bounds(const Policy& policy, const workloads::Bundle& bundle) {
    std::vector<arith::OutputBounds> bounds;
    if (!policy.range) {
        return bounds;
    }
    BoundsOfGraph of_graph(bundle, policy.range->granularity);
    bounds.resize(bundle.graph.layers.size());
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const Layer& layer = bundle.graph.layers[i];
        const Bounds& output = of_graph.of(layer);
        // A reshape moves codes that were restricted already; the logits stay free.
        if (layer.kind == OpKind::flatten || layer.output == bundle.graph.logits) {
            continue;
        }
        bounds[i].lo = output.lo;
        bounds[i].hi = output.hi;
        bounds[i].zero_outside = policy.range->mode == RangePart::Mode::zero;
    }
    return bounds;
}

void parse_range(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.range) {
        object.fail("part", "is given twice");
    }
    RangePart part;
    part.mode = object.choice_or("mode", "clamp", {"clamp", "zero"}) == "zero" ? RangePart::Mode::zero
                                                                               : RangePart::Mode::clamp;
    part.granularity = object.choice_or("granularity", "layer", {"layer", "channel"}) == "channel"
                           ? RangePart::Granularity::channel
                           : RangePart::Granularity::layer;
    policy.range = part;
}

std::vector<nlohmann::json> write_range(const PartInfo&, const Policy& policy) {
    if (!policy.range) {
        return {};
    }
    return {nlohmann::json{
        {"mode", policy.range->mode == RangePart::Mode::zero ? "zero" : "clamp"},
        {"granularity", policy.range->granularity == RangePart::Granularity::channel ? "channel" : "layer"}}};
}

// Two comparators and a selector behind the requantisation.
void time_range(const PartInfo&, PolicyTiming& timing, const Policy&) {
    timing.vector_pipeline += Cycles(1);
}

}  // namespace fluence::protect
