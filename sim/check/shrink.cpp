#include "sim/check/shrink.h"

#include <algorithm>
#include <optional>
#include <set>

#include "sim/check/draw.h"
#include "sim/check/simplify.h"
#include "sim/core/error.h"
#include "sim/protect/rerun.h"

namespace fluence::check {
namespace {

constexpr int kRedraws = 60;  // lists of upsets tried on a changed setup
constexpr int kRedrawRounds = 2;

class Shrinker {
  public:
    Shrinker(const Case& one, const Comparison& compare, int budget, const std::function<bool()>& stop)
        : compare_(compare), budget_(budget), stop_(stop) {
        result_.smallest = one;
    }

    ShrinkResult run() {
        const Case& one = result_.smallest;
        subject_ = subject(differences(one.setup, run_of(one.setup), {one.upsets}).front());
        for (bool changed = true; changed && !spent();) {
            changed = shrink_upsets();
            for (const auto propose : {smaller_networks, plainer_policies, plainer_machines}) {
                changed = shrink_setup(propose) || changed;
            }
        }
        result_.difference = differences(one.setup, run_of(one.setup), {one.upsets}).front();
        return std::move(result_);
    }

  private:
    bool spent() const { return result_.comparisons >= budget_ || (stop_ && stop_()); }

    std::vector<std::string> differences(const Setup& setup, const std::optional<TileLevelRun>& run,
                                         const std::vector<UpsetList>& lists) {
        result_.comparisons += static_cast<int>(lists.size());
        std::vector<std::string> texts(lists.size());
        if (run) {
            const std::vector<Verdict> verdicts = compare_(setup, *run, lists);
            std::transform(verdicts.begin(), verdicts.end(), texts.begin(),
                           [](const Verdict& verdict) { return verdict.difference; });
        }
        return texts;
    }

    // Nothing where the setup cannot run.
    static std::optional<TileLevelRun> run_of(const Setup& setup) {
        try {
            check_runnable(setup);
            return run_tile_level(setup);
        } catch (const InputError&) {
            return std::nullopt;
        }
    }

    // What the difference is about: its first word. A case that differs in another way is another case.
    static std::string subject(const std::string& difference) {
        return difference.substr(0, difference.find_first_of(": "));
    }

    // The first of the lists that differs as the case does takes its place.
    bool take_first(const Setup& setup, const std::optional<TileLevelRun>& run,
                    const std::vector<UpsetList>& lists) {
        const std::vector<std::string> texts = differences(setup, run, lists);
        for (std::size_t i = 0; i < lists.size(); ++i) {
            if (!texts[i].empty() && subject(texts[i]) == subject_) {
                result_.smallest = {setup, lists[i]};
                return true;
            }
        }
        return false;
    }

    // Without one of the upsets, with one of the bits, one bit less.
    std::vector<UpsetList> smaller_lists() const {
        const UpsetList& upsets = result_.smallest.upsets;
        std::vector<UpsetList> lists;
        for (std::size_t i = 0; upsets.size() > 1 && i < upsets.size(); ++i) {
            lists.push_back(upsets);
            lists.back().erase(lists.back().begin() + static_cast<std::ptrdiff_t>(i));
        }
        for (std::size_t i = 0; i < upsets.size(); ++i) {
            for (std::size_t bit = 0; upsets[i].bits.count() > 1 && bit < upsets[i].bits.size(); ++bit) {
                if (upsets[i].bits[bit]) {
                    lists.push_back(upsets);
                    lists.back()[i].bits.reset();
                    lists.back()[i].bits.set(bit);
                    lists.push_back(upsets);
                    lists.back()[i].bits.reset(bit);
                }
            }
        }
        return lists;
    }

    bool shrink_upsets() {
        const std::optional<TileLevelRun> run = run_of(result_.smallest.setup);
        bool changed = false;
        while (!spent()) {
            const std::vector<UpsetList> lists = smaller_lists();
            const Setup setup = result_.smallest.setup;
            if (lists.empty() || !take_first(setup, run, lists)) {
                break;
            }
            changed = true;
        }
        return changed;
    }

    bool shrink_setup(std::vector<Setup> (*propose)(const Setup&)) {
        bool changed = false;
        for (bool better = true; better && !spent();) {
            better = false;
            for (const Setup& setup : propose(result_.smallest.setup)) {
                if (!spent() && try_setup(setup)) {
                    better = changed = true;
                    break;
                }
            }
        }
        return changed;
    }

    bool try_setup(const Setup& setup) {
        const std::optional<TileLevelRun> run = run_of(setup);
        if (!run) {
            return false;
        }
        const UpsetDraw draw(setup, run->timeline);
        for (int round = 0; round < kRedrawRounds; ++round) {
            if (take_first(setup, run, redrawn(draw, run->timeline, protect::reruns(setup.policy), round))) {
                return true;
            }
        }
        return false;
    }

    // The case's upsets as far as they exist here, and lists of no more upsets on sites of the same kinds.
    std::vector<UpsetList> redrawn(const UpsetDraw& draw, const traces::Timeline& timeline, bool later_runs,
                                   int round) const {
        const UpsetList& upsets = result_.smallest.upsets;
        std::set<traces::SiteKind> kinds;
        for (const traces::Upset& upset : upsets) {
            kinds.insert(upset.site);
        }
        std::vector<UpsetList> lists;
        if (round == 0 && exist(upsets, draw, timeline, later_runs)) {
            lists.push_back(upsets);
        }
        RandomStream random(0, RandomPurpose::self_check_upsets, static_cast<std::uint64_t>(round));
        for (int tries = 0; static_cast<int>(lists.size()) < kRedraws && tries < kRedraws * 40; ++tries) {
            UpsetList list = draw.list(random);
            const bool fits = list.size() <= upsets.size() &&
                              std::all_of(list.begin(), list.end(), [&](const traces::Upset& upset) {
                                  return kinds.count(upset.site) != 0;
                              });
            if (fits) {
                lists.push_back(std::move(list));
            }
        }
        return lists;
    }

    static bool exist(const UpsetList& upsets, const UpsetDraw& draw, const traces::Timeline& timeline,
                      bool later_runs) {
        return std::all_of(upsets.begin(), upsets.end(), [&](const traces::Upset& upset) {
            return (upset.cycle < timeline.cycles || later_runs) &&
                   std::any_of(draw.sites().begin(), draw.sites().end(), [&](const fault::SiteClass& site) {
                       return site.kind == upset.site && upset.unit < site.units;
                   });
        });
    }

    const Comparison& compare_;
    int budget_;
    const std::function<bool()>& stop_;
    std::string subject_;
    ShrinkResult result_;
};

}  // namespace

ShrinkResult shrink(const Case& one, const Comparison& compare, int budget,
                    const std::function<bool()>& stop) {
    return Shrinker(one, compare, budget, stop).run();
}

}  // namespace fluence::check
