// Faults in stored values, without a machine: which weights and outputs matter in a number format. Every
// format that an arith::ValueEngine executes.
//
// weight-flip       one random bit of one random stored weight (Traiola et al.); judged on all images
// neuron-flip       one random bit of one random layer output of one image (Mahmoud et al., FxP-Flip)
// neuron-rand       that output replaced by a uniform random word (FxP-Rand)
// neuron-fp-rand    that output replaced by a uniform number in ± the layer's largest one (FP-Rand); floats
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/arith/value_engine.h"
#include "workloads/bundle.h"
#include "workloads/word_bundle.h"

namespace fluence::campaign {

enum class ValueModel { weight_flip, neuron_flip, neuron_rand, neuron_fp_rand };

struct ValueModelInfo {
    ValueModel model;
    const char* name;
    const char* summary;  // one line
};
const std::vector<ValueModelInfo>& value_models();

// A network with its images, whatever its format.
struct ValueWorkload {
    std::string file;  // for messages
    std::string name, format;
    workloads::Graph structure;
    std::function<std::unique_ptr<arith::ValueEngine>()> make_engine;
    std::function<workloads::Words(std::int64_t image)> image;
    std::vector<std::int32_t> labels;  // one an image
    std::vector<double> reach;         // by tensor: largest |value|; empty for formats of codes
};
// They refer to the bundle.
ValueWorkload workload_of(const workloads::Bundle& bundle, const std::string& file);
ValueWorkload workload_of(const workloads::WordBundle& bundle, const std::string& file);

struct ValueCampaign {
    ValueModel model = ValueModel::weight_flip;
    std::int64_t images = 0;  // the first of the workload
    std::int64_t faults = 0;
    std::uint64_t seed = 1;
    std::vector<std::string> layers;  // names; empty: conv and linear layers, for outputs but the logits'
};

// One fault and what it did. Fault i depends on the seed and on i alone.
struct ValueOutcome {
    std::int32_t layer = 0;
    std::int64_t index = 0;              // of the layer's weights, or of its output
    std::int32_t bit = -1;               // −1: the whole word was replaced
    std::int32_t image = -1;             // −1: all
    arith::Word golden = 0, faulty = 0;  // golden: of outputs, on the image
    // Images whose logits are others, whose top-1 is another, that became right, that became wrong.
    std::int32_t changed = 0, sdc = 0, gained = 0, lost = 0;
};

struct ValueResult {
    std::int64_t images = 0;
    std::int64_t golden_correct = 0;
    std::int64_t population = 0;  // weights or outputs that could be struck, times their bits (or 1)
    std::vector<ValueOutcome> faults;
};

// In `workers` processes; the result does not depend on their number. `progress`: images done, of how many.
// Throws InputError for layers, models and sizes that the workload does not have.
ValueResult run_value_campaign(const ValueWorkload& workload, const ValueCampaign& campaign, int workers,
                               const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace fluence::campaign
