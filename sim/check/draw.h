// Draws of self-checks. A draw depends on its stream alone.
#pragma once

#include <array>

#include "sim/check/setup.h"
#include "sim/core/random.h"
#include "sim/fault/sites.h"
#include "traces/timeline.h"

namespace fluence::check {

class Draw {
  public:
    explicit Draw(RandomStream& random) : random_(random) {}

    int between(int low, int high) {
        return low + static_cast<int>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
    }
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
    }
    // Once in `in`.
    bool chance(int in) { return random_.below(static_cast<std::uint64_t>(in)) == 0; }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& values) {
        return values[random_.below(N)];
    }

  private:
    RandomStream& random_;
};

// Any convention and any size of array, buffers and DRAM that parse_accelerator() takes; more small ones than
// large ones.
AcceleratorConfig draw_machine(RandomStream& random);
// Any composition of parts that parse_policy() takes.
protect::Policy draw_policy(RandomStream& random);
// Codes of memories alone, as far as machines of words have them (words::check_policy).
protect::Policy draw_word_policy(RandomStream& random);
// Protected PEs of any width, code and schedule; not for input-stationary arrays.
void draw_ppe(RandomStream& random, const workloads::Graph& graph, int cols, protect::Policy& policy);
// Any parts of the inference end that go with the rest of the policy, or none.
void draw_inference_end(RandomStream& random, protect::Policy& policy);
// A small network, a machine that runs it, a policy, with an inference end in a quarter of the draws, and an
// image. `refused`: how many machines drawn before did not.
Setup draw_setup(RandomStream& random, int& refused);

// One to four upsets on the sites of a machine and in the cycles of its run, half of them where and when
// something is going on, sometimes the same word or register twice, a quarter of those in registers of the
// array as bits that are held. Where the policy runs inferences again,
// some of them in later runs or between two.
class UpsetDraw {
  public:
    // Keeps references.
    UpsetDraw(const Setup& setup, const traces::Timeline& timeline);

    UpsetList list(RandomStream& random) const;
    const std::vector<fault::SiteClass>& sites() const { return sites_; }

  private:
    traces::Upset upset(Draw& draw) const;
    void move_to_later_run(Draw& draw, traces::Upset& upset) const;
    void aim_at_word(Draw& draw, traces::Upset& upset) const;
    void aim_at_accumulator(Draw& draw, traces::Upset& upset) const;
    void aim_at_register(Draw& draw, traces::Upset& upset) const;
    // Sites outside the array and the memories; false for all others.
    bool aim_at_unit(Draw& draw, traces::Upset& upset) const;
    void aim_at_column(Draw& draw, traces::Upset& upset) const;
    void aim_at_checksum(Draw& draw, traces::Upset& upset) const;
    void aim_at_vector_unit(Draw& draw, traces::Upset& upset) const;
    void aim_at_kept_sum(Draw& draw, traces::Upset& upset) const;
    void aim_at_filter(Draw& draw, traces::Upset& upset) const;
    void aim_at_inference_end(Draw& draw, traces::Upset& upset) const;
    // Into the first run, but for what outlives it.
    void keep_in_run(traces::Upset& upset) const;
    const fault::SiteClass& site_of(traces::SiteKind kind) const;

    const Setup& setup_;
    const traces::Timeline& timeline_;
    std::vector<fault::SiteClass> sites_;
};

}  // namespace fluence::check
