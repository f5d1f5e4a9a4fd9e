#include "sim/campaign/value_campaign.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/core/random.h"

namespace fluence::campaign {
namespace {

using arith::ValueEngine;
using arith::ValueFault;
using arith::ValueTarget;
using arith::Word;
using workloads::Words;

constexpr std::int64_t kImagesOfTask = 4;

// A layer that can be struck.
struct Struck {
    std::size_t layer = 0;
    std::int64_t values = 0;
    int bits = 0;
};

class Campaign {
  public:
    Campaign(const ValueWorkload& workload, const ValueCampaign& campaign)
        : workload_(workload), campaign_(campaign) {
        check();
        const std::unique_ptr<ValueEngine> engine = workload.make_engine();
        for (std::size_t i = 0; i < workload.structure.layers.size(); ++i) {
            if (chosen(i)) {
                struck_.push_back(site(i, *engine));
            }
        }
        values_ = std::accumulate(struck_.begin(), struck_.end(), std::int64_t{0},
                                  [](std::int64_t sum, const Struck& s) { return sum + s.values; });
        if (values_ == 0) {
            throw InputError(workload.file, "--layers", "leave no value to strike");
        }
        for (std::int64_t id = 0; id < campaign.faults; ++id) {
            faults_.push_back(drawn(id, *engine));
        }
    }

    std::vector<ValueOutcome> faults() const { return faults_; }
    std::int64_t population() const {
        const bool flips =
            campaign_.model == ValueModel::weight_flip || campaign_.model == ValueModel::neuron_flip;
        return std::accumulate(
            struck_.begin(), struck_.end(), std::int64_t{0},
            [&](std::int64_t sum, const Struck& s) { return sum + s.values * (flips ? s.bits : 1); });
    }
    std::int64_t tasks() const { return (campaign_.images + kImagesOfTask - 1) / kImagesOfTask; }
    std::int64_t images_of(std::int64_t task) const {
        return std::min(kImagesOfTask, campaign_.images - task * kImagesOfTask);
    }

    // The outcomes of the task's images, summed; those of faults that strike none of them stay empty. Then
    // one with the golden images' correct answers in `gained`.
    std::vector<ValueOutcome> run(std::int64_t task, ValueEngine& engine) const;

  private:
    bool strikes_weights() const { return campaign_.model == ValueModel::weight_flip; }
    void check() const;
    bool chosen(std::size_t layer) const;
    Struck site(std::size_t layer, const ValueEngine& engine) const;
    ValueOutcome drawn(std::int64_t id, const ValueEngine& engine) const;
    void strike(ValueOutcome& outcome, ValueEngine& engine, std::int32_t golden_top1,
                std::int32_t label) const;

    const ValueWorkload& workload_;
    const ValueCampaign& campaign_;
    std::vector<Struck> struck_;
    std::int64_t values_ = 0;
    std::vector<ValueOutcome> faults_;
};

void Campaign::check() const {
    const auto most = static_cast<std::int64_t>(workload_.labels.size());
    if (campaign_.images < 1 || campaign_.images > most) {
        throw InputError(workload_.file, "--images", "is " + std::to_string(campaign_.images),
                         "1 to " + std::to_string(most));
    }
    if (campaign_.model == ValueModel::neuron_fp_rand &&
        (workload_.format != "fp32" && workload_.format != "bf16")) {
        throw InputError(workload_.file, "--model",
                         "is neuron-fp-rand, and the network's values are " + workload_.format,
                         "a network in fp32 or bf16; neuron-rand");
    }
    std::string valid;
    for (const workloads::Layer& layer : workload_.structure.layers) {
        const bool fits = strikes_weights() ? layer.has_macs() : layer.kind != workloads::OpKind::flatten;
        valid += fits ? (valid.empty() ? "" : ", ") + layer.name : "";
    }
    for (const std::string& name : campaign_.layers) {
        if ((", " + valid + ", ").find(", " + name + ", ") == std::string::npos) {
            throw InputError(workload_.file, "--layers", "\"" + name + "\" has no such values", valid);
        }
    }
}

bool Campaign::chosen(std::size_t index) const {
    const workloads::Layer& layer = workload_.structure.layers[index];
    if (!campaign_.layers.empty()) {
        return std::find(campaign_.layers.begin(), campaign_.layers.end(), layer.name) !=
               campaign_.layers.end();
    }
    return layer.has_macs() && (strikes_weights() || layer.output != workload_.structure.logits);
}

Struck Campaign::site(std::size_t index, const ValueEngine& engine) const {
    const workloads::Layer& layer = workload_.structure.layers[index];
    if (!strikes_weights()) {
        return {index, workload_.structure.tensor(layer.output).shape.elements(),
                engine.output_bits(layer_id(index))};
    }
    const workloads::GemmShape gemm = gemm_shape(workload_.structure, layer);
    return {index, gemm.k * gemm.n * gemm.groups, engine.weight_bits()};
}

// Uniform over the values, then over the bits of a word.
ValueOutcome Campaign::drawn(std::int64_t id, const ValueEngine& engine) const {
    RandomStream random(campaign_.seed, RandomPurpose::fault_sampling, static_cast<std::uint64_t>(id));
    auto value = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(values_)));
    auto site = struck_.begin();
    for (; value >= site->values; ++site) {
        value -= site->values;
    }
    ValueOutcome fault;
    fault.layer = static_cast<std::int32_t>(site->layer);
    fault.index = value;
    const workloads::TensorInfo& output =
        workload_.structure.tensor(workload_.structure.layers[site->layer].output);
    switch (campaign_.model) {
        case ValueModel::weight_flip:
            fault.bit = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(site->bits)));
            fault.golden = engine.weight(layer_id(site->layer), value);
            fault.faulty = fault.golden ^ (Word{1} << fault.bit);
            return fault;
        case ValueModel::neuron_flip:
            fault.bit = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(site->bits)));
            break;
        case ValueModel::neuron_rand:
            fault.faulty = random.next32() >> (32 - site->bits);
            break;
        case ValueModel::neuron_fp_rand: {
            const auto tensor = static_cast<std::size_t>(&output - workload_.structure.tensors.data());
            fault.faulty =
                engine.nearest(tensor_id(tensor), (2 * random.uniform() - 1) * workload_.reach[tensor]);
            break;
        }
    }
    fault.image = static_cast<std::int32_t>(id % campaign_.images);
    return fault;
}

void Campaign::strike(ValueOutcome& outcome, ValueEngine& engine, std::int32_t golden_top1,
                      std::int32_t label) const {
    const LayerId layer = layer_id(static_cast<std::size_t>(outcome.layer));
    ValueFault fault{layer, ValueTarget::weight, outcome.index, outcome.faulty};
    if (!strikes_weights()) {
        fault.target = ValueTarget::output;
        outcome.golden =
            engine.golden(workload_.structure.layer(layer).output)[static_cast<std::size_t>(outcome.index)];
        if (outcome.bit >= 0) {
            outcome.faulty = outcome.golden ^ (Word{1} << outcome.bit);
        }
        fault.word = outcome.faulty;
    }
    const arith::ValueRun run = engine.propagate({fault});
    if (!run.changed_logits) {
        return;
    }
    const std::int32_t answer = arith::top1(engine, run.logits);
    outcome.changed += 1;
    outcome.sdc += answer != golden_top1 ? 1 : 0;
    outcome.gained += answer == label && golden_top1 != label ? 1 : 0;
    outcome.lost += answer != label && golden_top1 == label ? 1 : 0;
}

std::vector<ValueOutcome> Campaign::run(std::int64_t task, ValueEngine& engine) const {
    std::vector<ValueOutcome> outcomes = faults_;
    ValueOutcome golden;
    const std::int64_t first = task * kImagesOfTask;
    for (std::int64_t image = first; image < first + images_of(task); ++image) {
        engine.load(workload_.image(image));
        const std::int32_t label = workload_.labels[static_cast<std::size_t>(image)];
        const std::int32_t top1 = arith::top1(engine, engine.golden(workload_.structure.logits));
        golden.gained += top1 == label ? 1 : 0;
        for (ValueOutcome& outcome : outcomes) {
            if (outcome.image < 0 || outcome.image == image) {
                strike(outcome, engine, top1, label);
            }
        }
    }
    outcomes.push_back(golden);
    return outcomes;
}

std::string encode(const std::vector<ValueOutcome>& outcomes) {
    std::string bytes(outcomes.size() * sizeof(ValueOutcome), '\0');
    std::memcpy(bytes.data(), outcomes.data(), bytes.size());
    return bytes;
}

std::vector<ValueOutcome> decode(const std::string& bytes) {
    std::vector<ValueOutcome> outcomes(bytes.size() / sizeof(ValueOutcome));
    std::memcpy(outcomes.data(), bytes.data(), outcomes.size() * sizeof(ValueOutcome));
    return outcomes;
}

}  // namespace

const std::vector<ValueModelInfo>& value_models() {
    static const std::vector<ValueModelInfo> table = {
        {ValueModel::weight_flip, "weight-flip", "one bit of one stored weight, judged on all images"},
        {ValueModel::neuron_flip, "neuron-flip", "one bit of one layer output of one image"},
        {ValueModel::neuron_rand, "neuron-rand", "one layer output of one image replaced by a random word"},
        {ValueModel::neuron_fp_rand, "neuron-fp-rand",
         "one layer output of one image replaced by a random number in the layer's range (floats)"},
    };
    return table;
}

ValueWorkload workload_of(const workloads::Bundle& bundle, const std::string& file) {
    ValueWorkload workload;
    workload.file = file;
    workload.name = bundle.graph.name;
    workload.format = bundle.provenance.value("format", std::string("int8"));
    workload.structure = bundle.graph;
    workload.make_engine = [&bundle] { return arith::make_value_engine(bundle.graph); };
    workload.image = [&bundle](std::int64_t image) {
        const workloads::Codes codes = bundle.image(image);
        return Words(codes.begin(), codes.end());
    };
    workload.labels = bundle.labels;
    return workload;
}

ValueWorkload workload_of(const workloads::WordBundle& bundle, const std::string& file) {
    ValueWorkload workload;
    workload.file = file;
    workload.name = bundle.graph.structure.name;
    workload.format = workloads::name_of(bundle.graph.format);
    workload.structure = bundle.graph.structure;
    workload.make_engine = [&bundle] { return arith::make_value_engine(bundle.graph); };
    workload.image = [&bundle](std::int64_t image) { return bundle.image(image); };
    workload.labels = bundle.labels;
    workload.reach = bundle.graph.reach;
    return workload;
}

ValueResult run_value_campaign(const ValueWorkload& workload, const ValueCampaign& campaign, int workers,
                               const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const Campaign plan(workload, campaign);
    ValueResult result;
    result.images = campaign.images;
    result.population = plan.population();
    result.faults = plan.faults();
    std::vector<std::int64_t> tasks(static_cast<std::size_t>(plan.tasks()));
    std::iota(tasks.begin(), tasks.end(), 0);
    std::int64_t images = 0;
    const auto start = [&]() -> Work {
        const std::shared_ptr<ValueEngine> engine = workload.make_engine();
        return [&plan, engine](std::int64_t task) { return encode(plan.run(task, *engine)); };
    };
    const auto done = [&](std::int64_t task, const std::string& bytes) {
        const std::vector<ValueOutcome> outcomes = decode(bytes);
        result.golden_correct += outcomes.back().gained;
        for (std::size_t i = 0; i < result.faults.size(); ++i) {
            ValueOutcome& sum = result.faults[i];
            const ValueOutcome& part = outcomes[i];
            if (sum.image >= 0 && sum.image / kImagesOfTask == task) {
                sum = part;
            } else if (sum.image < 0) {
                sum.changed += part.changed;
                sum.sdc += part.sdc;
                sum.gained += part.gained;
                sum.lost += part.lost;
            }
        }
        images += plan.images_of(task);
        progress(images, campaign.images);
    };
    run_in_workers(workers, tasks, {start, done, [] { return false; }}, workload.file);
    return result;
}

}  // namespace fluence::campaign
