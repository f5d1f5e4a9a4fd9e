// Random machines, policies, workloads and upsets, for the tests that hold the resolver against a machine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/random.h"
#include "sim/fault/sites.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

struct Case {
    workloads::Graph graph;
    AcceleratorConfig config;
    protect::Policy policy;
    workloads::Codes image;
    traces::Timeline timeline;
    std::string text;
};

class Draw {
  public:
    explicit Draw(RandomStream& random) : random_(random) {}
    int between(int low, int high) {
        return low + static_cast<int>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
    }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& values) {
        return values[random_.below(N)];
    }
    bool chance(int in) { return between(1, in) == 1; }

    // Weight stationary, with operand registers at either side, with and without shadow registers.
    AcceleratorConfig plain_machine();
    // Any dataflow and any convention of arrays with central control.
    AcceleratorConfig any_machine();
    // Gemmini's mesh and tiny-tpu.
    AcceleratorConfig travelling_machine();
    // Codes of the memories, sometimes a checksum.
    protect::Policy codes();
    // Scrubbing and what follows uncorrectable errors as well; a checksum on weight-stationary machines
    // alone.
    protect::Policy any_policy(const AcceleratorConfig& config);

  private:
    RandomStream& random_;
};

// Graph, image and timeline for a case whose machine and policy are given; false where the machine is too
// small. `real_machine`: the timeline of the fast machine, otherwise a random one (weight stationary).
bool draw_case(RandomStream& random, bool real_machine, Case& out);

// Half of the upsets anywhere, half of them where and when something is going on.
fault::Upset draw_upset(RandomStream& random, const Case& c, const std::vector<fault::SiteClass>& sites);
// Something that may meet what the first upset left: the same word or register a little later, a copy of
// the word, a register or a sum at work at the same time.
fault::Upset draw_companion(RandomStream& random, const Case& c, const std::vector<fault::SiteClass>& sites,
                            const fault::Upset& first);
std::string describe(const fault::Upset& upset);

// FLUENCE_TEST_SEED and FLUENCE_TEST_UPSETS.
std::uint64_t seed_of_run();
int upsets_of_run();

}  // namespace fluence::test
