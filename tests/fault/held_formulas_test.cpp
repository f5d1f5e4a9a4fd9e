// Registers all of whose bits are held at 0 from the beginning on: what is missing in the sums follows from
// the roles of the dataflow alone (sim/dataflow/space_time.h), without any stepping.
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "sim/arith/engine.h"
#include "sim/dataflow/im2col.h"
#include "sim/fault/resolver.h"
#include "tests/fault/draws.h"

namespace fluence::fault {
namespace {

using traces::Fold;

constexpr std::uint64_t kSeed = 2018;
constexpr int kMachines = 60;
constexpr int kRegisters = 12;

// Whether the product of A[m,k] and B[k,n], counted inside a fold, is missing in the sum of (m, n).
class Missing {
  public:
    Missing(const ArrayConfig& array, const Upset& held)
        : flow_(array.dataflow_kind()),
          site_(held.site),
          shadow_(array.shadow_weights),
          at_input_(array.operand_register == OperandRegister::input ? 1 : 0),
          row_(held.unit / array.cols % (site_ == SiteKind::pe_psum ? array.rows + 1 : array.rows)),
          col_(held.unit % array.cols) {
        if (site_ == SiteKind::array_skew) {
            find_lane(held.unit, array.rows);
        }
    }

    bool operator()(std::int64_t m, std::int64_t n, std::int64_t k) const {
        switch (flow_) {
            case DataflowKind::weight_stationary:
                return operands_stay(SiteKind::pe_weight, SiteKind::pe_weight_shadow, n, k);
            case DataflowKind::input_stationary:
                return operands_stay(SiteKind::pe_activation, SiteKind::pe_activation_shadow, m, k);
            case DataflowKind::output_stationary:
                break;
        }
        return sums_stay(m, n);
    }

  private:
    // The triangles of the rows and then of the columns: lane i has i registers.
    void find_lane(std::int64_t unit, int rows) {
        std::int64_t rest = unit;
        of_rows_ = rest < std::int64_t{rows} * (rows - 1) / 2;
        rest -= of_rows_ ? 0 : std::int64_t{rows} * (rows - 1) / 2;
        for (lane_ = 1; rest >= lane_; ++lane_) {
            rest -= lane_;
        }
    }

    // PE(k, across) keeps the operand, which has come down through all rows above; the other one enters row k
    // and moves right; sums move down.
    bool operands_stay(SiteKind kept, SiteKind shadow, std::int64_t across, std::int64_t k) const {
        if (site_ == shadow || (site_ == kept && !shadow_)) {
            return across == col_ && k >= row_;
        }
        if (site_ == kept || site_ == SiteKind::pe_product) {
            return across == col_ && k == row_;
        }
        if (site_ == SiteKind::pe_psum) {
            return across == col_ && k < row_ + 1 - at_input_;
        }
        if (site_ == SiteKind::array_skew) {
            return k == lane_;
        }
        return k == row_ && across >= col_ + 1 - at_input_;  // the operand that moves
    }

    // PE(m, n) keeps the sum; activations move right, weights down.
    bool sums_stay(std::int64_t m, std::int64_t n) const {
        switch (site_) {
            case SiteKind::pe_weight:
                return n == col_ && m >= row_ + 1 - at_input_;
            case SiteKind::pe_activation:
                return m == row_ && n >= col_ + 1 - at_input_;
            case SiteKind::pe_drain:
                return m == row_ && n <= col_;
            case SiteKind::array_skew:
                return of_rows_ ? m == lane_ : n == lane_;
            default:
                return m == row_ && n == col_;
        }
    }

    DataflowKind flow_;
    SiteKind site_;
    bool shadow_;
    int at_input_;
    std::int64_t row_, col_;
    std::int64_t lane_ = 0;
    bool of_rows_ = false;
};

using Deltas = std::map<std::int64_t, std::uint32_t>;  // by output element

Deltas expected_of(const test::Case& c, LayerId id, const std::vector<workloads::Codes>& tensors,
                   const Missing& missing) {
    const workloads::Layer& layer = c.graph.layer(id);
    const dataflow::Im2col im2col(c.graph, layer);
    const workloads::GemmShape& gemm = im2col.gemm();
    const workloads::Codes& codes = tensors[index_of(layer.inputs[0])];
    Deltas deltas;
    for (const Fold& f : c.timeline.folds) {
        for (std::int64_t n = 0; f.layer == id && n < f.channels; ++n) {
            const std::int64_t channel = f.group * gemm.n + f.first_n + n;
            for (std::int64_t m = 0; m < f.pixels; ++m) {
                for (std::int64_t k = 0; k < f.terms; ++k) {
                    const std::int64_t element =
                        im2col.input_element(f.group, f.first_pixel + m, f.first_k + k);
                    if (element >= 0 && missing(m, n, k)) {
                        const auto weight =
                            layer.weights[static_cast<std::size_t>(channel * gemm.k + f.first_k + k)];
                        deltas[channel * gemm.m + f.first_pixel + m] -=
                            static_cast<std::uint32_t>(codes[static_cast<std::size_t>(element)] * weight);
                    }
                }
            }
        }
    }
    for (auto delta = deltas.begin(); delta != deltas.end();) {
        delta = delta->second == 0 ? deltas.erase(delta) : std::next(delta);
    }
    return deltas;
}

void check_register(const test::Case& c, const Upset& held, std::map<std::string, int>& live) {
    arith::Engine engine(c.graph);
    const arith::GoldenRun golden = engine.run(c.image);
    const Resolution resolution =
        Resolver(c.graph, c.config, c.policy, c.timeline).resolve({held}, golden, engine);
    // Plain loops, with the sums off by as much as the resolver says.
    const std::vector<workloads::Codes> tensors =
        arith::reference_run(c.graph, {}, c.image, resolution.faults);
    const Missing missing(c.config.array, held);
    for (std::size_t i = 0; i < c.graph.layers.size(); ++i) {
        if (!c.graph.layers[i].has_macs()) {
            continue;
        }
        Deltas found;
        for (const arith::LayerFault& fault : resolution.faults) {
            for (const arith::AccumulatorDelta& delta : fault.accumulators) {
                if (fault.layer == layer_id(i)) {
                    found[delta.index] = static_cast<std::uint32_t>(delta.delta);
                }
            }
        }
        EXPECT_EQ(found, expected_of(c, layer_id(i), tensors, missing)) << "layer " << i;
        live[name_of(held.site)] += found.empty() ? 0 : 1;
    }
}

TEST(HeldFormulas, ZeroRegistersTakeAwayWhatPassesThem) {
    std::map<std::string, int> live;
    for (std::uint64_t machine = 0; machine < kMachines; ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, machine);
        test::Draw draw(random);
        test::Case c;
        c.config = draw.any_machine();
        c.config.array.accumulator_bits = 32;
        c.config.array.overflow = Overflow::wrap;
        if (!test::draw_case(random, true, c)) {
            continue;
        }
        for (int i = 0; i < kRegisters; ++i) {
            const std::vector<SiteClass> sites = site_classes(c.graph, c.config, c.policy);
            const SiteClass& site = sites[random.below(sites.size())];
            if (!traces::is_array_register(site.kind) || site.units == 0) {
                continue;
            }
            Upset held;
            held.site = site.kind;
            held.unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(site.units)));
            held.held = traces::Held::at_0;
            for (int bit = 0; bit < site.bits; ++bit) {
                held.bits.set(static_cast<std::size_t>(bit));
            }
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " machine " + std::to_string(machine) + "\n" +
                         c.text + "\n" + test::describe(held));
            check_register(c, held, live);
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
    std::cout << "seed " << kSeed << ", layers changed:";
    for (const auto& [site, count] : live) {
        std::cout << ' ' << site << ' ' << count;
        EXPECT_GT(count, 0) << site;
    }
    std::cout << std::endl;
    EXPECT_EQ(live.size(), 9u) << "kinds of registers under central control";
}

}  // namespace
}  // namespace fluence::fault
