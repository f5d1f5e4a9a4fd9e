#include "tests/campaign/small_campaign.h"

#include <algorithm>

#include "sim/arith/engine.h"
#include "sim/campaign/outcome.h"
#include "sim/core/config_search.h"
#include "tests/support/random_graph.h"

namespace fluence::test {

workloads::Bundle small_bundle() {
    RandomStream stream(11, RandomPurpose::testing, 0);
    workloads::Bundle bundle;
    bundle.graph = test::random_graph(stream, {3, 6, 7, 5, false});
    bundle.image_count = kImages;
    bundle.profile.resize(bundle.graph.tensors.size());
    const arith::Engine engine(bundle.graph);
    for (int i = 0; i < kImages; ++i) {
        const workloads::Codes image = test::random_image(bundle.graph, stream);
        for (const std::int32_t code : image) {
            bundle.images.push_back(static_cast<std::uint8_t>(code));
        }
        const arith::GoldenRun run = engine.run(image);
        bundle.labels.push_back(campaign::top1(run.tensors[index_of(bundle.graph.logits)]));
        for (std::size_t t = 0; t < run.tensors.size(); ++t) {
            const workloads::Shape& shape = bundle.graph.tensors[t].shape;
            workloads::ChannelProfile& profile = bundle.profile[t];
            profile.lo.resize(static_cast<std::size_t>(shape.channels),
                              workloads::max_code(workloads::NumberFormat::s32));
            profile.hi.resize(static_cast<std::size_t>(shape.channels),
                              workloads::min_code(workloads::NumberFormat::s32));
            for (std::size_t e = 0; e < run.tensors[t].size(); ++e) {
                const std::size_t channel = e / static_cast<std::size_t>(shape.plane());
                profile.lo[channel] = std::min(profile.lo[channel], run.tensors[t][e]);
                profile.hi[channel] = std::max(profile.hi[channel], run.tensors[t][e]);
            }
        }
        if (i < 2) {
            bundle.golden.push_back(run.tensors);
        }
    }
    bundle.calibration = bundle.images;
    bundle.calibration_count = 3;
    bundle.calibration.resize(bundle.images.size() / kImages * 3);
    return bundle;
}

campaign::Experiment small_experiment(const std::string& fault_model) {
    campaign::Experiment experiment;
    experiment.file = "small.json";
    experiment.name = "small";
    experiment.accelerator = read_accelerator(find_config("accelerators", "edge-16x16"));
    for (const char* name : {"none", "parity", "secded", "ranger", "checksum-zero"}) {
        experiment.policies.push_back(protect::load_policy(name));
    }
    nlohmann::json model = {{"name", fault_model}};
    if (const std::string level = fault::level_of_fault_model(fault_model); !level.empty()) {
        model[level] = 0.1;
    }
    experiment.fault_model = fault::parse_fault_model(JsonObject(model, "small.json", "fault_model"));
    experiment.images = kImages;
    experiment.faults = 600;
    experiment.seed = 5;
    experiment.resolved = {{"name", "small"}, {"fault_model", fault_model}};
    return experiment;
}

}  // namespace fluence::test
