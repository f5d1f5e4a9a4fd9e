#include "sim/campaign/word_campaign.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "sim/accel/machine.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/fault/sampler.h"
#include "sim/words/machine_check.h"
#include "sim/words/resolver.h"

namespace fluence::campaign {
namespace {

using fault::DeadReason;

constexpr std::int64_t kFaultsOfTask = 256;

// A fault that was executed.
struct Done {
    std::int64_t fault = 0;
    WordOutcome outcome;
    bool golden_right = false;
};

fault::FaultModelConfig model_of(const WordCampaign& campaign) {
    fault::FaultModelConfig model;
    model.upsets.fixed = campaign.upsets;
    return model;
}

std::vector<fault::SiteClass> struck_sites(const workloads::WordGraph& graph, const WordCampaign& campaign) {
    std::vector<fault::SiteClass> sites = words::word_site_classes(graph, campaign.machine, campaign.policy);
    std::string valid;
    for (const fault::SiteClass& site : sites) {
        valid += (valid.empty() ? "" : ", ") + std::string(name_of(site.kind));
    }
    for (const std::string& name : campaign.sites) {
        if ((", " + valid + ", ").find(", " + name + ", ") == std::string::npos) {
            throw InputError(campaign.machine.name, "--sites", "has no \"" + name + "\"", valid);
        }
    }
    const auto left_out = [&](const fault::SiteClass& site) {
        return !campaign.sites.empty() && std::find(campaign.sites.begin(), campaign.sites.end(),
                                                    name_of(site.kind)) == campaign.sites.end();
    };
    sites.erase(std::remove_if(sites.begin(), sites.end(), left_out), sites.end());
    return sites;
}

class Campaign {
  public:
    Campaign(const workloads::WordBundle& bundle, const WordCampaign& campaign)
        : bundle_(bundle),
          campaign_(campaign),
          structure_(workloads::stored_structure(bundle.graph)),
          order_(words::machine_order(bundle.graph, campaign.machine)),
          timeline_(accel::time_machine(structure_, campaign.machine, campaign.policy)),
          sampler_(model_of(campaign), structure_, struck_sites(bundle.graph, campaign)) {}

    const traces::Timeline& timeline() const { return timeline_; }
    const std::vector<fault::SiteClass>& sites() const { return sampler_.classes(); }

    // A worker's engines.
    struct Machine {
        explicit Machine(const Campaign& plan)
            : values(arith::make_word_values(plan.bundle_.graph, plan.order_)),
              resolver(plan.bundle_.graph, plan.campaign_.machine, plan.campaign_.policy, plan.timeline_) {}
        std::unique_ptr<arith::WordValues> values;
        words::WordResolver resolver;
        std::int64_t image = -1;  // that was loaded, and its fault-free answer
        std::int32_t top1 = -1;
    };
    std::shared_ptr<Machine> machine() const { return std::make_shared<Machine>(*this); }

    // Faults are dealt out image by image, so that an image's fault-free run serves many.
    std::int64_t tasks() const { return (campaign_.faults + kFaultsOfTask - 1) / kFaultsOfTask; }
    std::vector<Done> run(std::int64_t task, Machine& machine) const {
        std::vector<Done> all;
        const std::int64_t end = std::min(campaign_.faults, (task + 1) * kFaultsOfTask);
        for (std::int64_t place = task * kFaultsOfTask; place < end; ++place) {
            all.push_back(strike(fault_at(place), machine));
        }
        return all;
    }

  private:
    // The faults in the order image, number.
    std::int64_t fault_at(std::int64_t place) const {
        const std::int64_t least = campaign_.faults / campaign_.images;
        const std::int64_t longer = campaign_.faults % campaign_.images;  // images with one fault more
        const std::int64_t in_longer = longer * (least + 1);
        const bool of_longer = place < in_longer;
        const std::int64_t image = of_longer ? place / (least + 1) : longer + (place - in_longer) / least;
        const std::int64_t number = of_longer ? place % (least + 1) : (place - in_longer) % least;
        return number * campaign_.images + image;
    }

    Done strike(std::int64_t id, Machine& machine) const {
        const std::int64_t image = id % campaign_.images;
        if (machine.image != image) {
            machine.values->load(bundle_.image(image));
            machine.image = image;
            machine.top1 =
                arith::top1(*machine.values, machine.values->golden(bundle_.graph.structure.logits));
        }
        const fault::FaultDraw draw = sampler_.draw(campaign_.seed, static_cast<std::uint64_t>(id));
        std::vector<traces::Upset> upsets = {draw.at(timeline_.cycles)};
        for (const fault::DrawnUpset& further : draw.further) {
            upsets.push_back(fault::placed(further.upset, further.phase, timeline_.cycles));
        }
        Done done;
        done.fault = id;
        done.golden_right = machine.top1 == bundle_.labels[static_cast<std::size_t>(image)];
        done.outcome = outcome_of(upsets, machine);
        done.outcome.image = static_cast<std::int32_t>(image);
        return done;
    }

    static WordOutcome outcome_of(const std::vector<traces::Upset>& upsets, Machine& machine) {
        const words::WordResolution resolution = machine.resolver.resolve(upsets, *machine.values);
        const traces::Upset& first = *std::min_element(
            upsets.begin(), upsets.end(), [](const auto& a, const auto& b) { return a.cycle < b.cycle; });
        WordOutcome outcome;
        outcome.site = first.site;
        outcome.unit = first.unit;
        outcome.bit = static_cast<std::int32_t>(first.bits._Find_first());
        outcome.cycle = first.cycle;
        outcome.dead = resolution.dead;
        outcome.layer = resolution.layer;
        outcome.golden_bits = resolution.golden_bits;
        outcome.faulty_bits = resolution.faulty_bits;
        outcome.changed_values = resolution.run.changed_values;
        outcome.corrected = resolution.corrected;
        outcome.detected = resolution.detected;
        outcome.golden_top1 = machine.top1;
        if (resolution.aborted) {
            outcome.effect = WordEffect::due;
            return outcome;
        }
        outcome.top1 = resolution.run.changed_logits ? arith::top1(*machine.values, resolution.run.logits)
                                                     : machine.top1;
        outcome.effect = resolution.dead != DeadReason::none   ? WordEffect::dead
                         : !resolution.run.changed_logits      ? WordEffect::masked
                         : outcome.top1 == outcome.golden_top1 ? WordEffect::benign
                                                               : WordEffect::sdc;
        return outcome;
    }

    const workloads::WordBundle& bundle_;
    const WordCampaign& campaign_;
    const workloads::Graph structure_;
    const arith::MachineOrder order_;
    const traces::Timeline timeline_;
    const fault::Sampler sampler_;
};

std::string encode(const std::vector<Done>& done) {
    std::string bytes(done.size() * sizeof(Done), '\0');
    std::memcpy(bytes.data(), done.data(), bytes.size());
    return bytes;
}

std::vector<Done> decode(const std::string& bytes) {
    std::vector<Done> done(bytes.size() / sizeof(Done));
    std::memcpy(done.data(), bytes.data(), done.size() * sizeof(Done));
    return done;
}

}  // namespace

const char* name_of(WordEffect effect) {
    switch (effect) {
        case WordEffect::dead:
            return "dead";
        case WordEffect::masked:
            return "masked";
        case WordEffect::benign:
            return "benign";
        case WordEffect::sdc:
            return "sdc";
        case WordEffect::due:
            break;
    }
    return "due";
}

WordCampaignResult run_word_campaign(const workloads::WordBundle& bundle, const std::string& file,
                                     const WordCampaign& campaign, int workers,
                                     const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const auto most = static_cast<std::int64_t>(bundle.labels.size());
    if (campaign.images < 1 || campaign.images > most) {
        throw InputError(file, "--images", "is " + std::to_string(campaign.images),
                         "1 to " + std::to_string(most));
    }
    words::check_machine(bundle.graph, campaign.machine, campaign.policy);
    WordCampaign used = campaign;
    used.images = std::min(campaign.images, campaign.faults);
    const Campaign plan(bundle, used);
    WordCampaignResult result;
    result.cycles = plan.timeline().cycles;
    result.sites = plan.sites();
    result.images = used.images;
    result.faults.resize(static_cast<std::size_t>(used.faults));
    std::vector<bool> seen(static_cast<std::size_t>(used.images));
    std::vector<std::int64_t> tasks(static_cast<std::size_t>(plan.tasks()));
    std::iota(tasks.begin(), tasks.end(), 0);
    std::int64_t finished = 0;
    const auto start = [&]() -> Work {
        return
            [&plan, machine = plan.machine()](std::int64_t task) { return encode(plan.run(task, *machine)); };
    };
    const auto done = [&](std::int64_t, const std::string& bytes) {
        for (const Done& one : decode(bytes)) {
            result.faults[static_cast<std::size_t>(one.fault)] = one.outcome;
            const auto image = static_cast<std::size_t>(one.outcome.image);
            result.golden_correct += !seen[image] && one.golden_right ? 1 : 0;
            seen[image] = true;
            ++finished;
        }
        progress(finished, used.faults);
    };
    run_in_workers(workers, tasks, {start, done, [] { return false; }}, file);
    return result;
}

}  // namespace fluence::campaign
