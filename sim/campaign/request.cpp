#include "sim/campaign/request.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sim/campaign/request_state.h"
#include "sim/protect/rerun.h"

namespace fluence::campaign {
namespace {

using fault::Upset;
using traces::Cycle;

// The upsets of one inference that are put together word by word.
class DramWords {
  public:
    void add(const Upset& upset) { words_[upset.unit] ^= upset.bits; }
    // In cycle 0 of a run.
    std::vector<Upset> upsets() const {
        std::vector<Upset> all;
        for (const auto& [word, bits] : words_) {
            Upset upset;
            upset.site = fault::SiteKind::dram;
            upset.unit = word;
            upset.bits = bits;
            if (bits.any()) {
                all.push_back(upset);
            }
        }
        return all;
    }

  private:
    std::map<std::int64_t, WordBits> words_;
};

// What the first run was struck by.
struct Struck {
    std::uint64_t golden_bits = 0, faulty_bits = 0;
    std::int32_t layer = -1;
    fault::DeadReason dead = fault::DeadReason::none;
};

// Working cycles of a run.
Cycle length_of(const TracedInference& run, const traces::Timeline& timeline) {
    return run.result.flags.aborted ? std::min(run.resolution.ended + 1, timeline.cycles) : timeline.cycles;
}

class Request {
  public:
    Request(const RequestMachine& machine, const std::vector<Upset>& upsets)
        : machine_(machine),
          upsets_(upsets),
          here_(upsets_of_first_run(machine.policy, machine.timeline, upsets)),
          state_(machine.policy, machine.config, machine.graph, upsets),
          judge_(machine.policy),
          check_(state_.check_cycles()),
          restart_(protect::restart_cycles(machine.config).count()) {}

    // Whether the run is followed by another one.
    bool again(const TracedInference& run) {
        const PolicyFlags& flags = run.result.flags;
        length_ = length_of(run, machine_.timeline);
        cycles_ += length_ + (flags.aborted ? 0 : check_);
        flags_.corrected = flags_.corrected || flags.corrected;
        flags_.detected = flags_.detected || flags.detected;
        if (!flags.aborted) {
            flags_.suppressed = flags_.suppressed || flags.suppressed;
            recovery_ += run.resolution.recovery_cycles;
        }
        state_.check_begins(begin_ + length_);
        after_ =
            judge_.judge({flags.aborted, run.resolution.zeroed, flags.unrepaired, run.result.logits}, state_);
        return after_ == protect::AfterRun::again;
    }

    // What strikes the run behind `run`.
    std::vector<Upset> next_upsets(const TracedInference& run) {
        const bool aborted = run.result.flags.aborted;
        const Cycle end = begin_ + length_;
        const Cycle next = end + (aborted ? 0 : check_) + restart_;
        DramWords dram;
        // The host's reads behind the last cycle come when all of the run is done.
        const Cycle last_edge = aborted ? std::min(run.resolution.ended, length_) : length_;
        for (const Upset& left : machine_.resolver.left_in_dram(here_, last_edge)) {
            dram.add(left);
        }
        here_.clear();
        for (const Upset& upset : upsets_) {
            if (upset.site == fault::SiteKind::dram && upset.cycle >= end && upset.cycle < next) {
                dram.add(upset);
            }
        }
        here_ = dram.upsets();
        for (Upset upset : upsets_) {
            if (traces::is_request_state(upset.site)) {
                continue;
            }
            if (upset.held != traces::Held::no) {
                upset.cycle = std::max(upset.cycle, next);
            }
            if (upset.cycle >= next && upset.cycle < next + machine_.timeline.cycles) {
                upset.cycle -= next;
                here_.push_back(upset);
            }
        }
        for (const Upset& upset : upsets_) {
            if (traces::is_disturbance(upset.site)) {
                here_.push_back(fault::again_in_run(upset, runs_));
            }
        }
        ++runs_;
        cycles_ += restart_;
        begin_ = next;
        return here_;
    }

    // `last`: the run that ended it.
    TracedInference end(const Struck& struck, TracedInference last) const {
        last.resolution.golden_bits = struck.golden_bits;
        last.resolution.faulty_bits = struck.faulty_bits;
        last.resolution.layer = struck.layer;
        last.resolution.recovery_cycles = recovery_;
        Inference& result = last.result;
        result.dead = struck.dead;
        if (state_.struck_alone()) {
            result.dead = state_.dead();
            last.resolution.golden_bits = state_.golden_bits();
            last.resolution.faulty_bits = state_.faulty_bits();
        } else if (state_.struck() && state_.dead() == fault::DeadReason::none) {
            result.dead = fault::DeadReason::none;
        }
        result.runs = runs_;
        result.cycles = cycles_ + recovery_;
        const bool unresolved = after_ == protect::AfterRun::give_up && !result.flags.aborted;
        const bool unrepaired = result.flags.unrepaired || unresolved;
        const bool aborted = result.flags.aborted;
        result.flags = flags_;
        result.flags.detected = flags_.detected || judge_.disagreed();
        result.flags.unrepaired = unrepaired;
        result.flags.aborted = aborted;
        result.outcome =
            aborted ? Outcome::due
                    : classify(machine_.golden_logits, result.logits, unrepaired, machine_.graph.images());
        return last;
    }

  private:
    const RequestMachine& machine_;
    const std::vector<Upset>& upsets_;
    std::vector<Upset> here_;  // of the run in work, in its own cycles
    RequestState state_;
    protect::RerunJudge judge_;
    const Cycle check_, restart_;
    protect::AfterRun after_ = protect::AfterRun::accept;
    PolicyFlags flags_;
    int runs_ = 1;
    Cycle begin_ = 0, length_ = 0, cycles_ = 0, recovery_ = 0;
};

}  // namespace

std::vector<Upset> upsets_of_request(const fault::WordLayout& layout, const fault::FaultDraw& draw,
                                     const RequestAxis& axis) {
    const auto at = [&](const Upset& upset, double phase) {
        const bool of_request = traces::is_request_state(upset.site) && phase < 1;
        return fault::placed(upset, phase, of_request ? axis.state : axis.run);
    };
    std::vector<Upset> upsets = cluster_upsets(at(draw.upset, draw.phase), draw.cluster, layout);
    for (const fault::DrawnUpset& other : draw.further) {
        if (other.phase >= 1 && !protect::reruns(layout.policy)) {
            continue;
        }
        const std::vector<Upset> struck = cluster_upsets(at(other.upset, other.phase), other.cluster, layout);
        upsets.insert(upsets.end(), struck.begin(), struck.end());
    }
    return upsets;
}

std::vector<Upset> upsets_of_first_run(const protect::Policy& policy, const traces::Timeline& timeline,
                                       const std::vector<Upset>& upsets) {
    if (!protect::reruns(policy)) {
        return upsets;
    }
    std::vector<Upset> first;
    std::copy_if(upsets.begin(), upsets.end(), std::back_inserter(first), [&](const Upset& upset) {
        return upset.cycle < timeline.cycles && !traces::is_request_state(upset.site);
    });
    return first;
}

TracedInference finish_request(const RequestMachine& machine, const std::vector<Upset>& upsets,
                               TracedInference first, const RunOnce& again) {
    TracedInference run = std::move(first);
    if (!protect::reruns(machine.policy)) {
        run.result.cycles = length_of(run, machine.timeline) +
                            (run.result.flags.aborted ? 0 : run.resolution.recovery_cycles);
        return run;
    }
    Request request(machine, upsets);
    const Struck struck = {run.resolution.golden_bits, run.resolution.faulty_bits, run.resolution.layer,
                           run.result.dead};
    while (request.again(run)) {
        run = again(request.next_upsets(run));
    }
    return request.end(struck, std::move(run));
}

FaultFreeRequest fault_free_request(const protect::Policy& policy, const workloads::Graph& graph,
                                    const AcceleratorConfig& config, Cycle cycles,
                                    const workloads::Codes& golden_logits) {
    const Cycle check = protect::check_cycles(policy, config, graph).count();
    protect::KeptAnswers answers(policy, graph);
    protect::RerunJudge judge(policy);
    FaultFreeRequest request{1, cycles + check};
    while (judge.judge({false, false, false, golden_logits}, answers) == protect::AfterRun::again) {
        ++request.runs;
        request.cycles += protect::restart_cycles(config).count() + cycles + check;
    }
    return request;
}

}  // namespace fluence::campaign
