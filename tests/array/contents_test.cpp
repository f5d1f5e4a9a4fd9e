// What the space-time map says a register holds in a cycle is what the stepped register holds.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sim/dataflow/registers.h"
#include "sim/dataflow/space_time.h"
#include "tests/array/fold_sequence.h"
#include "tests/support/environment.h"

namespace fluence::test {
namespace {

using dataflow::SpaceTimeMap;
using traces::SiteKind;

struct Content {
    SiteKind bank{};
    std::int64_t unit = 0;
    std::int64_t value = 0;
};

// Contents by cycle, from the map's formulas and the matrices alone. Of unused columns of stationary folds
// only the operands are promised: the next serial preload need not wait for them.
class Contents {
  public:
    explicit Contents(const FoldSequence& sequence)
        : sequence_(sequence), config_(sequence.config), map_(config_) {
        for (const GemmFold& f : sequence.folds) {
            operands(f);
            products(f);
            if (sequence.output_stationary()) {
                accumulators(f);
            } else {
                moving_sums(f);
                stationary_operands(f);
            }
        }
        zeros_elsewhere();
    }
    const std::vector<Content>& in_cycle(Cycle t) { return by_cycle_[t]; }
    std::int64_t count() const { return count_; }

  private:
    void holds(Cycle cycle, SiteKind bank, std::int64_t unit, std::int64_t value) {
        by_cycle_[cycle].push_back({bank, unit, value});
        ++count_;
    }
    template <class Body>
    void each_pe(const Body& body) {
        for (int r = 0; r < config_.rows; ++r) {
            for (int c = 0; c < config_.cols; ++c) {
                body(r, c, std::int64_t{r} * config_.cols + c);
            }
        }
    }
    SiteKind row_bank() const {
        return map_.input_stationary() ? SiteKind::pe_weight : SiteKind::pe_activation;
    }

    void operands(const GemmFold& f) {
        for (std::int64_t t = 0; t < map_.steps(f.times); ++t) {
            each_pe([&](int r, int c, std::int64_t unit) {
                const Cycle cycle = map_.operand_cycle(f.times, t, r, c);
                holds(cycle, row_bank(), unit, sequence_.row_operand(f, t, r));
                if (map_.output_stationary()) {
                    holds(cycle, SiteKind::pe_weight, unit, sequence_.column_operand(f, t, c));
                }
            });
            if (config_.skew == Skew::internal) {
                skewed(f, t);
            }
        }
    }

    void skewed(const GemmFold& f, std::int64_t t) {
        std::int64_t unit = 0;
        for (int lane = 0; lane < config_.rows; ++lane) {
            for (int i = 0; i < lane; ++i) {
                holds(f.times.stream + t + i, SiteKind::array_skew, unit++,
                      sequence_.row_operand(f, t, lane));
            }
        }
        for (int lane = 0; map_.output_stationary() && lane < config_.cols; ++lane) {
            for (int i = 0; i < lane; ++i) {
                holds(f.times.stream + t + i, SiteKind::array_skew, unit++,
                      sequence_.column_operand(f, t, lane));
            }
        }
    }

    // Operands move at every edge: where none of a fold is there, zeros are. So do products, which are
    // nowhere left unsaid in output stationary.
    void zeros_elsewhere() {
        std::set<SiteKind> banks = {row_bank(), SiteKind::array_skew};
        if (map_.output_stationary()) {
            banks.insert({SiteKind::pe_weight, SiteKind::pe_product});
        }
        for (const dataflow::RegisterBank& bank : dataflow::register_banks(config_)) {
            if (banks.count(bank.kind) == 0) {
                continue;
            }
            std::vector<bool> taken(static_cast<std::size_t>((sequence_.end + 1) * bank.units));
            const auto at = [&](Cycle t, std::int64_t unit) {
                return static_cast<std::size_t>(t * bank.units + unit);
            };
            for (const auto& [t, contents] : by_cycle_) {
                for (const Content& content : contents) {
                    if (content.bank == bank.kind && t <= sequence_.end) {
                        taken[at(t, content.unit)] = true;
                    }
                }
            }
            for (Cycle t = 0; t <= sequence_.end; ++t) {
                for (std::int64_t unit = 0; unit < bank.units; ++unit) {
                    if (!taken[at(t, unit)]) {
                        holds(t, bank.kind, unit, 0);
                    }
                }
            }
        }
    }

    bool promised(const GemmFold& f, int c) const {
        return map_.output_stationary() || c < f.times.used_cols;
    }

    std::int64_t product(const GemmFold& f, std::int64_t t, int r, int c) const {
        const std::int64_t other =
            map_.output_stationary() ? sequence_.column_operand(f, t, c) : sequence_.stationary(f, r, c);
        return sequence_.row_operand(f, t, r) * other;
    }

    void products(const GemmFold& f) {
        for (std::int64_t t = 0; t < map_.steps(f.times); ++t) {
            each_pe([&](int r, int c, std::int64_t unit) {
                for (int j = 1; promised(f, c) && j <= config_.multiplier_stages; ++j) {
                    holds(map_.product_cycle(f.times, t, j, r, c), SiteKind::pe_product,
                          unit + std::int64_t{j - 1} * config_.rows * config_.cols, product(f, t, r, c));
                }
            });
        }
    }

    // The PE of row r and column c at step t multiplies for one O[m,n]; 0 outside the fold.
    std::int32_t sum_of(const GemmFold& f, std::int64_t m, std::int64_t n, std::int64_t terms) const {
        return m < f.times.pixels && n < f.times.channels ? partial_sum(sequence_, f, m, n, terms) : 0;
    }

    void moving_sums(const GemmFold& f) {
        for (std::int64_t t = 0; t < map_.steps(f.times); ++t) {
            for (int q = 0; q < map_.psum_rows(); ++q) {
                for (int c = 0; c < f.times.used_cols; ++c) {
                    const std::int64_t m = map_.input_stationary() ? c : t;
                    const std::int64_t n = map_.input_stationary() ? t : c;
                    holds(map_.psum_cycle(f.times, t, q, c), SiteKind::pe_psum,
                          std::int64_t{q} * config_.cols + c, sum_of(f, m, n, map_.psum_terms(q)));
                }
            }
        }
    }

    void stationary_operands(const GemmFold& f) {
        const bool inputs = map_.input_stationary();
        const SiteKind active = inputs ? SiteKind::pe_activation : SiteKind::pe_weight;
        const SiteKind shadow = inputs ? SiteKind::pe_activation_shadow : SiteKind::pe_weight_shadow;
        each_pe([&](int r, int c, std::int64_t unit) {
            const std::int64_t own = sequence_.stationary(f, r, c);
            for (int i = r; i < config_.rows; ++i) {  // on its way down the chain
                holds(f.times.preload + i, config_.shadow_weights ? shadow : active, unit,
                      sequence_.stationary(f, config_.rows - 1 - i + r, c));
            }
            const Cycle from =
                config_.shadow_weights ? map_.swap_edge(f.times, r, c) : map_.chain_settled(f.times);
            const Cycle last = map_.mac_cycle(f.times, map_.steps(f.times) - 1, r, c);
            for (Cycle t = from; promised(f, c) && t <= last; ++t) {
                holds(t, active, unit, own);
            }
            if (config_.shadow_weights && promised(f, c)) {  // what the active register takes at the swap
                holds(from - 1, shadow, unit, own);
            }
        });
    }

    void accumulators(const GemmFold& f) {
        const std::int64_t pes = std::int64_t{config_.rows} * config_.cols;
        each_pe([&](int r, int c, std::int64_t unit) {
            for (std::int64_t t = 0; t < f.times.terms; ++t) {
                const Cycle cycle = map_.psum_cycle(f.times, t, r, c);
                const std::int32_t sum = sum_of(f, r, c, t + 1);
                holds(cycle, SiteKind::pe_psum, unit, sum);
                for (int j = 1; j < config_.accumulator_stages; ++j) {
                    holds(cycle + j, SiteKind::pe_psum_stage, unit + (j - 1) * pes, sum);
                }
            }
            if (config_.drain == Drain::shift) {
                const Cycle x = map_.last_copy_edge(f.times);
                const std::int32_t sum = sum_of(f, r, c, f.times.terms);
                for (Cycle t = map_.copy_edge(f.times, r, c); t <= x; ++t) {
                    holds(t, SiteKind::pe_drain, unit, sum);
                }
                for (int right = 1; c + right < config_.cols; ++right) {
                    holds(x + right, SiteKind::pe_drain, unit + right, sum);
                }
                for (Cycle t = x + c + 1; t < x + config_.cols; ++t) {
                    holds(t, SiteKind::pe_drain, unit, 0);
                }
            }
        });
    }

    const FoldSequence& sequence_;
    const ArrayConfig& config_;
    const SpaceTimeMap map_;
    std::map<Cycle, std::vector<Content>> by_cycle_;
    std::int64_t count_ = 0;
};

std::uint32_t raw(std::int64_t value, int bits) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1));
}

TEST(Contents, AreWhatTheSpaceTimeMapSays) {
    std::int64_t compared = 0, promised = 0;
    const std::uint64_t seed = environment("FLUENCE_TEST_SEED", 20261123);
    const std::uint64_t samples = environment("FLUENCE_TEST_ARRAYS", 1000);
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        const FoldSequence sequence = random_sequence(random, random_array(random), Operands::codes);
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     ": " + sequence.description());
        std::map<SiteKind, int> bits;
        for (const dataflow::RegisterBank& bank : dataflow::register_banks(sequence.config)) {
            bits[bank.kind] = bank.bits;
        }
        Contents contents(sequence);
        promised += contents.count();
        const std::unique_ptr<array::ArrayModel> model = array::make_array(sequence.config);
        Feeder feeder(sequence);
        for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
            model->enqueue(static_cast<std::int32_t>(i), sequence.folds[i].times, sequence.folds[i].codes);
        }
        for (Cycle t = 0; t <= sequence.end; ++t) {
            model->edge(t, feeder);
            for (const Content& content : contents.in_cycle(t)) {
                ASSERT_EQ(model->read(content.bank, content.unit), raw(content.value, bits.at(content.bank)))
                    << name_of(content.bank) << " " << content.unit << " in cycle " << t;
                ++compared;
            }
        }
    }
    EXPECT_EQ(compared, promised);  // `end` leaves nothing out
    EXPECT_GT(compared, 1000 * static_cast<std::int64_t>(samples));
}

}  // namespace
}  // namespace fluence::test
